"""Where something is computed, by name."""

from __future__ import annotations

import torch

from selfvid.errors import InputError


def choose_device(device: str) -> torch.device:
    """The device of that name; ``auto`` takes CUDA where there is one.

    Raises:
        InputError: where there is no such device.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise InputError(f"device {device!r} cannot be used here; expected auto or cpu") from None
    return torch.device(device)
