"""Functions that guarded children call in tests; a name says how the child behaves."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from typing import Any


def behave(name: str) -> dict[str, Any]:
    """Hang, die, crash or raise as `name` says, else tell this child's process id."""
    if "hang" in name:
        time.sleep(600)
    if "exit" in name:
        os._exit(3)
    if "segfault" in name:
        ctypes.string_at(0)
    if "raise" in name:
        raise ValueError(f"{name} is no good")
    if "print" in name:
        os.write(1, b"a library's chatter\n")
    return {"name": name, "process": os.getpid()}


def behave_as_file(path: str, decoder: str) -> dict[str, Any]:
    """Hang, die or raise as the file's name says, whichever decoder is asked for."""
    return behave(Path(path).name) | {"decoder": decoder}


def broken_decoder(decoder: str) -> str:
    """What a decoder that is itself broken is told to be."""
    return f"decoder {decoder} gives noise"
