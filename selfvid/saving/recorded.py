"""Describing an object as plain data, and building it again from the description.

A `Recorded` class records the arguments of its constructor. `describe` turns an object into
nested plain data (class path and arguments) for JSON and YAML, and `build` builds an equal object
from it. Only classes of this package are built unless the caller allows others, because a
description may come from a stranger.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from selfvid.errors import InputError
from selfvid.saving.former import current_class_path
from selfvid.saving.loading import is_loading

Description = dict[str, Any]


class Recorded:
    """Mixin whose subclasses record the arguments that they were constructed with.

    Attributes:
        construction: the arguments by name, defaults included.
    """

    construction: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" not in cls.__dict__:
            return
        plain_init = cls.__init__
        signature = inspect.signature(plain_init)

        @functools.wraps(plain_init)
        def recording_init(self: Recorded, *args: Any, **kwargs: Any) -> None:
            outermost = "construction" not in self.__dict__
            if outermost:
                bound = signature.bind(self, *args, **kwargs)
                bound.apply_defaults()
                arguments = dict(list(bound.arguments.items())[1:])
                # Written to __dict__ directly: a class may define __setattr__, as nn.Module does.
                self.__dict__["construction"] = arguments
            plain_init(self, *args, **kwargs)

        cls.__init__ = recording_init  # type: ignore[method-assign,assignment]


def describe(value: Any) -> Any:
    """Return `value` as plain data: recorded objects and dataclasses as class path and arguments.

    Raises:
        InputError: If a value is neither plain data nor of a class that can be described.
    """
    if isinstance(value, Recorded):
        # An object of a class without a constructor was made without arguments.
        return _described(value, vars(value).get("construction", {}))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        return _described(value, fields)
    if isinstance(value, (list, tuple)):
        return [describe(item) for item in value]
    if isinstance(value, dict):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise InputError(
        f"{type(value).__qualname__} cannot be written to a recipe; "
        "expected plain data, a dataclass or a class of this package"
    )


def build(description: Any, *, allow: Sequence[str] = ()) -> Any:
    """Build the object of a description.

    Args:
        description: plain data as `describe` returns it.
        allow: prefixes of class paths other than ``selfvid.`` whose classes may be built.

    Raises:
        InputError: If a class path is unknown or not allowed, or if its class does not take the
            arguments.
    """
    if isinstance(description, list):
        return [build(item, allow=allow) for item in description]
    if not isinstance(description, dict):
        return description
    if set(description) != {"class_path", "init_args"}:
        return {key: build(item, allow=allow) for key, item in description.items()}
    made = _class_at(description["class_path"], allow)
    if not isinstance(description["init_args"], dict):
        raise InputError(f"init_args of {made.__qualname__} must be named arguments")
    try:
        arguments = {key: build(arg, allow=allow) for key, arg in description["init_args"].items()}
    except RecursionError:
        raise InputError(f"the description of {made.__qualname__} is nested too deeply") from None
    try:
        inspect.signature(made).bind(**arguments)
        return made(**arguments)
    except InputError:
        raise
    except Exception as error:  # constructors raise any error for arguments of a wrong type
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"{made.__qualname__} cannot be built as described: {cause}") from error


def _described(value: Any, arguments: dict[str, Any]) -> Description:
    made = type(value)
    return {
        "class_path": f"{made.__module__}.{made.__qualname__}",
        "init_args": {name: describe(argument) for name, argument in arguments.items()},
    }


def _class_at(path: Any, allow: Sequence[str]) -> type:
    """Import the class at a dotted path, after checking that it may be built."""
    path = current_class_path(path) if isinstance(path, str) else path
    if not isinstance(path, str) or not path.startswith(("selfvid.", *allow)):
        raise InputError(
            f"class path {path!r} is not built; expected a class of selfvid, "
            "or pass allow=['its_package.'] if you trust it"
        )
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise InputError(f"class path {path!r} names nothing that can be imported") from None
    # The dotted path of a selfvid module also reaches what the module imports, such as os.
    of_package = f"{getattr(found, '__module__', '')}.".startswith(("selfvid.", *allow))
    if not (isinstance(found, type) and of_package):
        raise InputError(f"class path {path!r} is not a class of selfvid or of an allowed package")
    if not (issubclass(found, Recorded) or dataclasses.is_dataclass(found)):
        raise InputError(f"class path {path!r} is not a class that records its construction")
    if is_loading() and not (issubclass(found, nn.Module) or dataclasses.is_dataclass(found)):
        raise InputError(f"class path {path!r} is no part of a network")
    return found
