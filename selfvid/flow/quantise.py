"""Quantisation of optical flow to eight bits, and back.

::

    code        1                 128                 255
    flow     -bound                0                +bound      step = bound / 127

Displacements within the bound are restored with an error of at most half a step; longer ones are
clipped to the bound.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from selfvid.errors import InputError
from selfvid.types import FLOW_ZERO

Direction = Literal["forward", "backward"]
"""``forward`` is from each frame to the next, ``backward`` from each frame to the one before."""

_CODES = 127  # codes on either side of zero; code 0 is not used


def default_bound(height: int, width: int) -> float:
    """Return a sixteenth of a frame's longer side, in pixels: 20 for a width of 320."""
    return max(height, width) / 16


def flow_step(bound: float) -> float:
    """Return the number of pixels from one code to the next.

    Raises:
        InputError: If the bound is not a positive number.
    """
    if not (math.isfinite(bound) and bound > 0):
        raise InputError(f"bound is {bound} pixels; expected more than 0")
    return bound / _CODES


def quantise(flow: Tensor, *, bound: float) -> tuple[Tensor, float]:
    """Quantise flow to eight bits.

    Args:
        flow: displacements in pixels, floats of any shape.
        bound: the longest displacement along x or y, in pixels; longer ones are clipped to it.

    Returns:
        Codes, uint8 of the same shape, and the share of values that were clipped.

    Raises:
        InputError: If the bound is not a positive number, or flow is not finite.
    """
    step = flow_step(bound)
    low, high = (float(end) for end in torch.aminmax(flow))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError("flow is not finite; expected displacements in pixels")
    clipped = 0.0
    if max(-low, high) > bound:
        clipped = int((flow.abs() > bound).sum()) / flow.numel()
        flow = flow.clamp(-bound, bound)
    # A single pass over memory: the cast to integers truncates, and adding a half makes it round.
    middle = torch.tensor(FLOW_ZERO + 0.5, dtype=flow.dtype, device=flow.device)
    return torch.add(middle, flow, alpha=1 / step).to(torch.uint8), clipped


def dequantise(codes: Tensor, *, bound: float) -> Tensor:
    """Return the flow of codes, float32 in pixels, on the device of the codes."""
    return codes.float().sub_(FLOW_ZERO).mul_(flow_step(bound))
