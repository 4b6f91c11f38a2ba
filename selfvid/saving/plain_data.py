"""Reading plain data of unknown origin: of bounded size and depth, or an error in one line."""

from __future__ import annotations

from typing import Any

from selfvid.errors import InputError

_MOST_VALUES = 100_000  # a recipe has a few hundred
# Functions that walk through plain data take a frame or two per level. The interpreter's own limit
# is no protection, because compilers of networks raise it for the whole process.
_MOST_LEVELS = 60


def plain_yaml(text: str, *, what: str) -> Any:
    """Return the plain data of a YAML text.

    Args:
        text: the text.
        what: the file, for error messages.

    Raises:
        InputError: If it is not YAML, is nested too deeply, or names parts of itself so often that
            it stands for an enormous text.
    """
    import yaml

    try:
        plain = yaml.safe_load(text)
        size = _size(plain, {})
    except RecursionError:
        raise InputError(f"{what} is nested too deeply; expected settings and values") from None
    except (ValueError, yaml.YAMLError) as error:
        cause = str(error).replace(' in "<unicode string>",', " at")
        raise InputError(f"{what} is no YAML: {cause}") from error
    if size > _MOST_VALUES:
        raise InputError(
            f"{what} stands for {size:.2g} values through its aliases; "
            f"expected at most {_MOST_VALUES:,}"
        )
    check_depth(plain, what=what)
    return plain


def check_depth(plain: Any, *, what: str) -> None:
    """Refuse plain data that are nested too deeply for functions that walk through them.

    Args:
        plain: the data, none of which contains itself.
        what: the file, for the error message.

    Raises:
        InputError: If they have more levels than any description has.
    """
    level = [plain]
    for _ in range(_MOST_LEVELS):
        level = [part for value in level for part in _parts(value)]
        if not level:
            return
    raise InputError(f"{what} is nested too deeply; expected at most {_MOST_LEVELS} levels")


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _size(plain: Any, known: dict[int, float]) -> float:
    """Return how many values plain data have if every alias is written out.

    A value that contains itself stands for infinitely many.
    """
    if not isinstance(plain, dict | list):
        return 1.0
    if id(plain) not in known:
        known[id(plain)] = float("inf")
        parts = [*plain, *plain.values()] if isinstance(plain, dict) else plain
        known[id(plain)] = 1.0 + sum(_size(part, known) for part in parts)
    return known[id(plain)]
