"""Options of nested objects that are set to null on the command line.

jsonargparse (4.53) converts an option of an object within an object to text twice, so that
``--objective.encoder.flow_kernel null`` becomes the text "None". A number is then refused, and a
text becomes "None". Such options are therefore removed from the command line before parsing, and
set afterwards.
"""

from __future__ import annotations

import sys
from types import NoneType
from typing import Any, get_args, get_type_hints

from selfvid.errors import InputError

NULLS = ("null", "~")  # how YAML writes it
_INNER = ("init_args", "dict_kwargs")  # parts of an option's name that may be left out


def without_deep_nulls(words: list[str]) -> tuple[list[str], list[str]]:
    """Separate the options of nested objects that are null.

    Args:
        words: the words of the command line.

    Returns:
        The other words, and the names of these options.
    """
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
    """Set options to None in parsed settings.

    Args:
        settings: the parsed settings, which are changed.
        options: the options as they are written on the command line.

    Raises:
        InputError: If there is no such option, or it must not be null.
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
    """Return whether the type of an argument allows None."""
    module, _, name = str(place.get("class_path", "")).rpartition(".")
    cls = getattr(sys.modules.get(module), name, None)  # it was imported to parse its settings
    if cls is None:
        return True  # plain settings, which jsonargparse checks itself
    hint = get_type_hints(cls.__init__).get(argument)
    return hint is Any or NoneType in get_args(hint)


def _is_deep(name: str) -> bool:
    """Return whether a word is an option of an object within an object."""
    return name.startswith("--") and len(_parts(name)) > 2


def _parts(name: str) -> list[str]:
    """Return the parts of an option's name that name an argument."""
    return [part for part in name.removeprefix("--").split(".") if part not in _INNER]


def _within(place: Any) -> Any:
    """Return the arguments of an object; plain settings are returned as they are."""
    return place.get("init_args", place)
