"""Options deep inside a recipe set to null on the command line.

jsonargparse (4.53) hands an option of an object within an object down as text twice, so that
``--objective.encoder.flow_kernel null`` arrives as the word "None": refused for a number, taken
for a name where a text may stand. Such options are kept from it and set afterwards.
"""

from __future__ import annotations

from importlib import import_module
from types import NoneType
from typing import Any, get_args, get_type_hints

from selfvid.errors import InputError

NULLS = ("null", "~")
_INNER = ("init_args", "dict_kwargs")


def without_deep_nulls(words: list[str]) -> tuple[list[str], list[str]]:
    """The words without options of objects within objects that are null, and those options."""
    kept: list[str] = []
    nulls: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if not _is_deep(name):
            kept.append(word)
            continue
        if not equals:
            value = next(rest, "")
        if value in NULLS:
            nulls.append(name)
        else:
            kept += [word] if equals or not value else [name, value]
    return kept, nulls


def with_nulls(settings: dict[str, Any], options: list[str]) -> dict[str, Any]:
    """Parsed settings with some options, as they stand on the command line, set to None.

    Raises:
        InputError: where there is no such option, or it may not be null.
    """
    for option in options:
        *path, last = _parts(option)
        place: Any = settings
        for part in path:
            place = _within(place).get(part) if place is not None else None
        inner = None if place is None else _within(place)
        if inner is None or last not in inner:
            raise InputError(f"option {option!r} is unknown; expected one that the recipe has")
        if not _may_be_none(place, last):
            raise InputError(f"option {option!r} is null; expected a value")
        inner[last] = None
    return settings


def _may_be_none(place: dict[str, Any], argument: str) -> bool:
    module, _, name = str(place.get("class_path", "")).rpartition(".")
    made = getattr(import_module(module), name, None) if module else None
    if made is None:
        return True  # plain settings: jsonargparse looks at them itself
    hint = get_type_hints(made.__init__).get(argument)
    return hint is Any or NoneType in get_args(hint)


def _is_deep(name: str) -> bool:
    return name.startswith("--") and len(_parts(name)) > 2


def _parts(name: str) -> list[str]:
    return [part for part in name.removeprefix("--").split(".") if part not in _INNER]


def _within(place: Any) -> Any:
    """The arguments of an object, or the settings themselves."""
    return place.get("init_args", place)
