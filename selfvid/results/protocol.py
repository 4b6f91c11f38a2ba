"""The protocol of a result: the command line, the versions and the hardware."""

from __future__ import annotations

import inspect
import json
import os
import platform
import shlex
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import torch

from selfvid import __version__
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import decoder_versions
from selfvid.saving.recorded import Recorded, describe


def command(name: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """Return the command line of a call; arguments equal to their defaults are left out.

    Args:
        name: name of the command.
        function: the command's function.
        arguments: all arguments of the call, by name.
    """
    words = ["selfvid", *name.split()]
    for option, parameter in inspect.signature(function).parameters.items():
        value = arguments[option]
        if parameter.default is inspect.Parameter.empty:
            named = parameter.kind is inspect.Parameter.KEYWORD_ONLY
            several = not named and isinstance(value, (list, tuple))
            words += [f"--{option}"] if named else []
            words += map(_word, value) if several else [_word(value)]
        elif value != parameter.default:
            words += [f"--{option}", _word(value)]
    return shlex.join(words)


def about_machine(device: torch.device) -> dict[str, Any]:
    """Return the versions of all packages that can influence a figure, and the hardware."""
    names = ("torchvision", "numpy", "scikit-learn", "lightly")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "versions": {
            "selfvid": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            **{package: version(package) for package in names},
            **decoder_versions(),
        },
        "hardware": {
            "device": str(device),
            "name": name or platform.machine(),
            "cores": os.cpu_count(),
        },
    }


def _word(value: Any) -> str:
    """Return the value as the command line reads it."""
    if isinstance(value, Manifest):
        return "MANIFEST"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(str, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Recorded):
        return json.dumps(describe(value))
    return str(value)
