"""Histograms of the directions of vector fields: of optical flow, or of the gradients of images."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from selfvid.errors import InputError


def direction_histograms(fields: Tensor, *, grid: int, bins: int, signed: bool = True) -> Tensor:
    """Return how long the vectors of each direction are, for every cell of every field.

    The length of a pixel's vector counts in the bin of its direction. The first bin is centred on
    vectors to the right, or, if directions are not signed, begins with them; the next ones follow
    clockwise in the picture.

    Args:
        fields: x and y of a vector at each pixel, float (N, 2, H, W).
        grid: cells along each side, as equal in size as pixels allow.
        bins: directions.
        signed: whether opposite directions are two directions, as for flow; False counts them as
            one, as histograms of oriented gradients do, so that the bins divide half a turn.

    Returns:
        Means over the pixels of a cell, float32 (N, grid, grid, bins). Multiplied by the pixels,
        their sum over bins is the length of all vectors of the cell together.

    Raises:
        InputError: If fields have fewer pixels than cells.
    """
    height, width = fields.shape[-2:]
    if min(height, width) < grid:
        raise InputError(f"fields are {height}x{width}; expected at least {grid} pixels each way")
    x, y = fields.float().unbind(1)  # (N, H, W)
    angle = torch.atan2(y, x) / math.pi * bins  # from -bins to bins
    bin_of = ((angle / 2).round() if signed else angle.floor()).long() % bins
    rows, columns = (_cells(side, grid, fields.device) for side in (height, width))
    cell = columns + grid * rows[:, None]  # (H, W)
    field = torch.arange(len(fields), device=fields.device)[:, None, None]
    place = bin_of + bins * (cell + grid * grid * field)  # (N, H, W)
    total = torch.zeros(len(fields) * grid * grid * bins, device=fields.device)
    total.index_add_(0, place.flatten(), torch.hypot(x, y).flatten())
    pixels = rows.bincount()[:, None] * columns.bincount()  # (grid, grid)
    return total.view(len(fields), grid, grid, bins) / pixels[..., None]


def _cells(side: int, grid: int, device: torch.device) -> Tensor:
    """Return the cell of each pixel along a side, int64 (side,)."""
    return torch.arange(side, device=device) * grid // side
