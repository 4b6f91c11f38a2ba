"""Where and in which number format something is computed: one vocabulary for all commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import torch

from selfvid.errors import InputError

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]
NumberFormat = Literal["float32", "bfloat16"]

MOST_WORKERS = 8  # more loading processes than this rarely help one that trains
# Flags of processors that multiply bfloat16 natively; elsewhere it is emulated and slower.
BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")


def choose_device(device: Device = "auto") -> torch.device:
    """The device of that name; ``auto`` is a GPU where there is one.

    Raises:
        InputError: where this machine has no such device.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return torch.device(next(name for name, found in available.items() if found))
    if device not in available:
        raise InputError(f"device is {device!r}; expected auto, {', '.join(available)}")
    if not available[device]:
        raise InputError(f"device {device!r} is not on this machine; expected auto or cpu")
    return torch.device(device)


def resolve_precision(precision: Precision, *, device: torch.device) -> NumberFormat:
    """``auto`` is bfloat16 autocast where the hardware multiplies it natively, else float32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        native = device.type == "cpu" and any(flag in _cpu_flags() for flag in BFLOAT16_FLAGS)
    return "bfloat16" if native else "float32"


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """The context that computes on `device` in `precision`."""
    wanted = resolve_precision(precision, device=device) == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


def loading_workers(workers: int | None) -> int:
    """The number of loading processes: `workers`, or one less than cores where it is None.

    Raises:
        InputError: where it is negative.
    """
    if workers is None:
        return max(1, min(MOST_WORKERS, (os.cpu_count() or 1) - 1))
    if workers < 0:
        raise InputError(f"workers is {workers}; expected 0 or more")
    return workers


def _cpu_flags() -> set[str]:
    """What the processor says it can do; empty where it cannot be asked."""
    described = Path("/proc/cpuinfo")
    if not described.is_file():
        return set()
    for line in described.read_text().splitlines():
        if line.startswith(("flags", "Features")):
            return set(line.split(":", 1)[1].split())
    return set()
