"""jsonargparse's complaints, which run over several lines, in one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from itertools import groupby

KEY = re.compile(r'Parser key "([^"]+)"')
CLASS = re.compile(r"Problem with given class_path '([^']+)'")
UNKNOWN = re.compile(
    r"[Oo]ption '([^']+)' is not accepted|[Kk]ey '([^']+)' is not expected"
    r"|does not accept option '([^']+)'|unrecognized arguments: (\S+)"
)
MISSING = re.compile(r"the following arguments are required: (.*)")
KIND = re.compile(r"Expected (?:an? )?(?:<class '(?:\w+\.)*(\w+)'>|typing\.Literal\[(.*?)\])")
VALUE = re.compile(r"(?:Got value|Given value): (.*)")
NESTED = re.compile(r"NestedArg\(key='[^']*', val='?(.*?)'?\)")
PLAIN_KINDS = {"list": "a list", "Sequence": "a list", "NoneType": "null"}
NOISE = ("Does not validate", "Subtypes", "Errors", "Given value", "Not of type Path")


def one_line(complaint: str, *, options: Iterable[str] = (), example: str = "") -> str:
    """The key at fault, its value and what was expected, in one line.

    Args:
        complaint: text of an error of jsonargparse.
        options: names that the command takes, to suggest the near ones.
        example: how the command is called.
    """
    # A complaint about a group of settings names the group twice.
    key = ".".join(name for name, _ in groupby(KEY.findall(complaint)))
    where = f"{key}: " if key else ""
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
    """The first line that says more than which types were tried; empty where none does."""
    for line in complaint.splitlines():
        said = KEY.sub("", line).strip(" -:")
        if said and not (said.startswith(NOISE) or CLASS.search(said) or KIND.match(said)):
            return said
    return ""


def _mistype(complaint: str) -> str:
    """The types that were expected and the value that is of none of them."""
    kinds = [
        PLAIN_KINDS.get(kind, kind or f"one of {some}") for kind, some in KIND.findall(complaint)
    ]
    values = VALUE.findall(complaint)
    if not (kinds and values):
        return ""
    value = values[-1].strip()
    if nested := NESTED.fullmatch(value):
        value = nested.group(1)
        # A text is what the whole group might have been, not this part of it.
        kinds = [kind for kind in kinds if kind != "str"]
    return f"expected {' or '.join(kinds)}, got {value!r}"


def _parameters(class_path: str) -> str:
    """The arguments that a class takes, as an expectation."""
    module, _, name = class_path.rpartition(".")
    try:
        parameters = inspect.signature(getattr(import_module(module), name)).parameters
    except (ImportError, AttributeError, ValueError):
        return ""
    return f"; expected one of {', '.join(parameters)}"


def _near(name: str, options: Iterable[str]) -> str:
    """The options whose last part looks like that of `name`, as an expectation."""
    by_leaf = {option.rpartition(".")[2]: option for option in options}
    near = get_close_matches(name.lstrip("-").rpartition(".")[2], by_leaf, n=1)
    return f"; did you mean --{by_leaf[near[0]]}?" if near else "; --help lists those there are"
