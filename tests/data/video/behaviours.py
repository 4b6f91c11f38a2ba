"""Functions that guarded children call in tests; the name that they get says how to behave."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from typing import Any


def behave(name: str) -> dict[str, Any]:
    """Hang, exit, crash or raise if `name` says so, else return this child's process id."""
    if "hang" in name:
        time.sleep(600)
    if "exit" in name:
        os._exit(3)
    if "segfault" in name:
        ctypes.string_at(0)
    if "raise" in name:
        raise ValueError(f"{name} is no good")
    if "print" in name:
        os.write(1, b"text that a library prints\n")
    return {"name": name, "process": os.getpid()}


def behave_as_file(path: str, decoder: str) -> dict[str, Any]:
    """Hang, exit, crash or raise if the file's name says so, with any decoder."""
    return behave(Path(path).name) | {"decoder": decoder}


def broken_decoder(decoder: str) -> str:
    """Report that the decoder itself is broken."""
    return f"decoder {decoder} gives noise"
