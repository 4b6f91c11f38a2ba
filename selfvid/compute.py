"""Device, precision and loading processes: the options that all commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import torch

from selfvid.errors import InputError

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]
NumberFormat = Literal["float32", "bfloat16"]

MOST_WORKERS = 8  # loading processes: more rarely make training faster
# Flags of processors that multiply bfloat16 natively; others emulate it, which is slow.
BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")


def choose_device(device: Device = "auto") -> torch.device:
    """Return the device of that name; ``auto`` uses a GPU if there is one.

    Raises:
        InputError: If this machine has no such device.
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
    """Return the number format to compute in.

    ``auto`` uses bfloat16 if the hardware multiplies it natively, otherwise float32.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)  # since Ampere
    else:
        native = device.type == "cpu" and any(flag in _cpu_flags() for flag in BFLOAT16_FLAGS)
    return "bfloat16" if native else "float32"


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """Return the autocast context that computes on `device` in `precision`."""
    wanted = resolve_precision(precision, device=device) == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


def loading_workers(workers: int | None) -> int:
    """Return the number of loading processes.

    This is `workers`, or if `workers` is None, one less than the number of cores, but at least 1
    and at most `MOST_WORKERS`.

    Raises:
        InputError: If `workers` is negative.
    """
    if workers is None:
        return max(1, min(MOST_WORKERS, (os.cpu_count() or 1) - 1))
    if workers < 0:
        raise InputError(f"workers is {workers}; expected 0 or more")
    return workers


def _cpu_flags() -> set[str]:
    """Return the feature flags of the processor; empty if the system does not list them."""
    described = Path("/proc/cpuinfo")
    if not described.is_file():
        return set()
    for line in described.read_text().splitlines():
        if line.startswith(("flags", "Features")):
            return set(line.split(":", 1)[1].split())
    return set()
