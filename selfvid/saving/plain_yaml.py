"""Reading YAML of unknown origin: plain data of bounded size, or an error in one line."""

from __future__ import annotations

from typing import Any

from selfvid.errors import InputError

_MOST_VALUES = 100_000  # a recipe has a few hundred


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
    return plain


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
