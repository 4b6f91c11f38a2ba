"""The error messages of jsonargparse, which have several lines, as one line."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import groupby

# Patterns of the messages of jsonargparse 4.53.
KEY = re.compile(r'Parser key "([^"]+)"')
CLASS = re.compile(r"Problem with given class_path '([^']+)'")
DENIED = re.compile(r"Importing '([^']+)' is not allowed")
UNKNOWN = re.compile(
    r"[Oo]ption '([^']+)' is not accepted|[Kk]ey '([^']+)' is not expected"
    r"|does not accept option '([^']+)'|unrecognized arguments: (\S+)"
)
MISSING = re.compile(r"the following arguments are required: (.*)")
KIND = re.compile(r"Expected (?:an? )?(?:<class '(?:\w+\.)*(\w+)'>|typing\.Literal\[(.*?)\])")
VALUE = re.compile(r"(?:Got value|Given value): (.*)")
NESTED = re.compile(r"NestedArg\(key='[^']*', val='?(.*?)'?\)")
# The types as a user of the command line knows them.
PLAIN_KINDS = {"list": "a list", "Sequence": "a list", "NoneType": "null"}
# Beginnings of lines that only say which types were tried.
NOISE = ("Does not validate", "Subtypes", "Errors", "Given value", "Not of type Path")


def one_line(complaint: str, *, options: Iterable[str] = (), example: str = "") -> str:
    """Return the wrong key, its value and what was expected, in one line.

    Args:
        complaint: the message of jsonargparse.
        options: names of the options of the command, to suggest a similar one.
        example: an example of the command line.
    """
    # A message about a group of settings contains the name of the group twice.
    key = ".".join(name for name, _ in groupby(KEY.findall(complaint)))
    where = f"{key}: " if key else ""
    if denied := DENIED.search(complaint):
        package = denied.group(1).partition(".")[0]
        return (
            f"{where}class path {denied.group(1)!r} is not imported; expected a class of selfvid, "
            f"torch or torchvision, or --allow {package} if you trust it"
        )
    owner = CLASS.findall(complaint)[-1:]
    if unknown := UNKNOWN.search(complaint):
        name = unknown.group(unknown.lastindex or 0)
        expected = _parameters(owner[0]) if owner else _near(name, options)
        return f"{where}option {name!r} is unknown{expected}"
    if missing := MISSING.search(complaint):
        of_class = f" to {owner[0]}" if owner else ""
        hint = f"; for example: {example}" if example and not owner else ""
        return f"{where}{missing.group(1)} must be given{of_class}{hint}"
    if owner and "has no attribute" in complaint:
        return f"{where}class path {owner[0]!r} names nothing that can be imported"
    return where + (_sentence(complaint) or _mistype(complaint) or " ".join(complaint.split()))


def _sentence(complaint: str) -> str:
    """Return the first line that says more than which types were tried; empty if none does."""
    for line in complaint.splitlines():
        text = KEY.sub("", line).strip(" -:")
        if text and not (text.startswith(NOISE) or CLASS.search(text) or KIND.match(text)):
            return text
    return ""


def _mistype(complaint: str) -> str:
    """Return the types that were expected, and the value that has none of them; or ""."""
    kinds = [
        PLAIN_KINDS.get(kind, kind or f"one of {some}") for kind, some in KIND.findall(complaint)
    ]
    values = VALUE.findall(complaint)
    if not (kinds and values):
        return ""
    value = values[-1].strip()
    if nested := NESTED.fullmatch(value):
        value = nested.group(1)
        # The whole group might have been a text, but not this part of it.
        kinds = [kind for kind in kinds if kind != "str"]
    return f"expected {' or '.join(kinds)}, got {value!r}"


def _parameters(class_path: str) -> str:
    """Return the arguments of a class as the end of a message."""
    module, _, name = class_path.rpartition(".")
    try:
        parameters = inspect.signature(getattr(sys.modules[module], name)).parameters
    except (KeyError, AttributeError, ValueError):
        return ""
    return f"; expected one of {', '.join(parameters)}"


def _near(name: str, options: Iterable[str]) -> str:
    """Return the option whose last part is similar to that of `name`, as the end of a message."""
    by_leaf = {option.rpartition(".")[2]: option for option in options}
    near = get_close_matches(name.lstrip("-").rpartition(".")[2], by_leaf, n=1)
    return f"; did you mean --{by_leaf[near[0]]}?" if near else "; --help lists all options"
