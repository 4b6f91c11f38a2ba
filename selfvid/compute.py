"""Which number format a machine multiplies fastest."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

from selfvid.errors import InputError

Accelerator = Literal["auto", "cpu", "gpu", "mps"]
Precision = Literal["auto", "bf16-mixed", "32-true"]
NumberFormat = Literal["bf16-mixed", "32-true"]
BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")


def pick_device(accelerator: Accelerator = "auto") -> torch.device:
    """The device that `accelerator` names; ``auto`` is a GPU where there is one.

    Raises:
        InputError: where there is none of the kind.
    """
    there = {"gpu": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    kind: str = accelerator
    if kind == "auto":
        kind = next((name for name, found in there.items() if found), "cpu")
    if not there.get(kind, True):
        raise InputError(f"accelerator {kind!r} is not on this machine; expected auto or cpu")
    return torch.device("cuda" if kind == "gpu" else kind)


def resolve_precision(precision: Precision, *, device: torch.device) -> NumberFormat:
    """``auto`` as bfloat16 autocast where the hardware multiplies it natively, else float32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        native = device.type == "cpu" and any(flag in _cpu_flags() for flag in BFLOAT16_FLAGS)
    return "bf16-mixed" if native else "32-true"


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """The context that `precision` asks for on `device`."""
    wanted = resolve_precision(precision, device=device) == "bf16-mixed"
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


def _cpu_flags() -> set[str]:
    """What the processor says it can do; empty where it cannot be asked."""
    described = Path("/proc/cpuinfo")
    if not described.is_file():
        return set()
    for line in described.read_text().splitlines():
        if line.startswith(("flags", "Features")):
            return set(line.split(":", 1)[1].split())
    return set()
