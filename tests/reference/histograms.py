"""Histograms of the directions of vectors, pixel by pixel."""

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def slow_histograms(
    fields: Tensor, *, grid: int, bins: int, signed: bool = True
) -> NDArray[np.float64]:
    """Histograms (N, grid, grid, bins); bin b is centred on the b-th part of a (half) turn."""
    height, width = fields.shape[-2:]
    turn = 360 if signed else 180
    total = np.zeros((len(fields), grid, grid, bins))
    pixels = np.zeros((grid, grid, 1))
    for v in range(height):
        for u in range(width):
            row, column = v * grid // height, u * grid // width
            pixels[row, column] += 1
            for number, field in enumerate(fields):
                x, y = field[:, v, u].tolist()
                angle = math.degrees(math.atan2(y, x)) % turn
                half = turn / 2 / bins if signed else 0
                b = int((angle + half) // (turn / bins)) % bins
                total[number, row, column, b] += math.hypot(x, y)
    return np.asarray(total / pixels)
