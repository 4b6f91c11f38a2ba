"""jsonargparse's complaints, which run over several lines, in one."""

from __future__ import annotations

import inspect
import re
from importlib import import_module

KEY = re.compile(r'Parser key "([^"]+)"')
CLASS = re.compile(r"Problem with given class_path '([^']+)'")
UNKNOWN = re.compile(r"[Oo]ption '([^']+)' is not accepted|[Kk]ey '([^']+)' is not expected")
TYPE = re.compile(r"Expected a <class '(\w+)'>. Got value: (.*)")
NOISE = (
    "Does not validate",
    "Subtypes:",
    "Errors:",
    "Given value",
    "Expected a <class 'NoneType'>",
)


def one_line(complaint: str) -> str:
    """The key at fault, its value and what was expected, in one line.

    Args:
        complaint: text of an error of jsonargparse.
    """
    key = ".".join(KEY.findall(complaint))
    where = f"{key}: " if key else ""
    unknown = UNKNOWN.search(complaint)
    if unknown:
        owner = CLASS.findall(complaint)
        name = unknown.group(1) or unknown.group(2)
        return f"{where}option {name!r} is unknown{_expected(owner[-1]) if owner else ''}"
    wrong_type = TYPE.search(complaint)
    if wrong_type and wrong_type.group(1) != "NoneType":
        value = wrong_type.group(2).strip()
        return f"{where}expected {wrong_type.group(1)}, got {value!r}"
    for line in complaint.splitlines():
        said = KEY.sub("", line).strip(" -:")
        if said and not said.startswith(NOISE) and not CLASS.search(said):
            return where + said
    return " ".join(complaint.split())


def _expected(class_path: str) -> str:
    """The arguments that a class takes, as an expectation."""
    module, _, name = class_path.rpartition(".")
    try:
        parameters = inspect.signature(getattr(import_module(module), name)).parameters
    except (ImportError, AttributeError, ValueError):
        return ""
    return f"; expected one of {', '.join(parameters)}"
