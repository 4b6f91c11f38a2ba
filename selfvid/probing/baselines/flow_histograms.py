"""Histograms of the directions of optical flow: a baseline with motion but without a network."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from selfvid.data.clips.sampling import Timeline
from selfvid.data.flow.folder import FlowFolder
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.decode import DecodeError
from selfvid.errors import InputError
from selfvid.probing.baselines.base import Baseline

_AT_A_TIME = 64  # fields of flow in memory: at 340x256, they take 45 MB


class FlowHistograms(Baseline):
    """Histograms of the directions of flow, over cells of the picture and parts of the video.

    Args:
        folder: written by `selfvid flow`, with forward flow of every video.
        grid: cells along each side of the picture.
        segments: equal parts of the video.
        bins: directions; the first is centred on motion to the right.

    Raises:
        InputError: If the folder has no flow, or a number is not positive.
    """

    name = "optical flow"

    def __init__(self, folder: Path, *, grid: int = 4, segments: int = 3, bins: int = 8) -> None:
        if min(grid, segments, bins) < 1:
            raise InputError(
                f"grid is {grid}, segments {segments}, bins {bins}; expected 1 or more of each"
            )
        self._flow = FlowFolder(folder)
        self._segments, self._grid, self._bins = segments, grid, bins

    def check(self, manifest: Manifest) -> None:
        """Check that the folder has enough flow of every row."""
        self._flow.require(manifest)
        for row in manifest.rows:
            self._fields(row)

    def features(self, manifest: Manifest) -> NDArray[np.float64]:
        """Return the square roots of mean displacements in pixels.

        Their shape is (N, segments x grid x grid x bins).
        """
        self.check(manifest)
        return np.stack([self._histogram(row) for row in manifest.rows])

    def _histogram(self, row: Row) -> NDArray[np.float64]:
        """Return the features of one row, (segments x grid x grid x bins,)."""
        parts = np.array_split(self._fields(row), self._segments)
        try:
            means = [self._mean(row.video, part) for part in parts]
        except DecodeError as error:
            raise InputError(f"flow of {row.path} cannot be read: {error.cause}") from error
        # Roots reduce the weight of large displacements, so that videos become more alike.
        return np.asarray(torch.stack(means).sqrt().flatten().double().numpy())

    def _mean(self, video: str, part: NDArray[np.int64]) -> Tensor:
        """Return the mean histogram of some fields, (grid, grid, bins)."""
        total = torch.zeros(self._grid, self._grid, self._bins)
        for some in np.array_split(part, math.ceil(len(part) / _AT_A_TIME)):
            fields = self._flow.read(video, some.tolist()).pixels()  # (n, 2, H, W)
            total += direction_histogram(fields, grid=self._grid, bins=self._bins) * len(some)
        return total / len(part)

    def _fields(self, row: Row) -> NDArray[np.int64]:
        """Return the numbers of the fields between the frames of a row's video or segment."""
        frames = self._flow.row(row.video).frames
        first, past = Timeline(frames, row.rate or 1.0, None, row.start, row.end).bounds
        count = past - 1 - first  # one field fewer than frames
        if count < self._segments:
            raise InputError(
                f"{row.path} has {max(count, 0)} fields of flow; expected at least {self._segments}"
            )
        return np.arange(first, past - 1)


def direction_histogram(fields: Tensor, *, grid: int, bins: int) -> Tensor:
    """Return how far pixels move in each direction, for every cell of the picture.

    The length of a pixel's vector counts in the bin of its direction. The first bin is centred on
    motion to the right; the next ones follow clockwise in the picture.

    Args:
        fields: flow in pixels, float (n, 2, H, W).
        grid: cells along each side, as equal in size as pixels allow.
        bins: directions.

    Returns:
        Means over fields and over the pixels of a cell, float32 (grid, grid, bins).

    Raises:
        InputError: If fields have fewer pixels than cells.
    """
    height, width = fields.shape[-2:]
    if min(height, width) < grid:
        raise InputError(f"fields are {height}x{width}; expected at least {grid} pixels each way")
    x, y = fields.unbind(1)  # (n, H, W)
    direction = torch.atan2(y, x) / (2 * math.pi) * bins
    rows, columns = _cells(height, grid), _cells(width, grid)
    cell = columns + grid * rows[:, None]  # (H, W)
    place = direction.round().long() % bins + bins * cell  # (n, H, W)
    total = torch.zeros(grid * grid * bins)
    total.index_add_(0, place.flatten(), torch.hypot(x, y).flatten())
    pixels = torch.bincount(rows)[:, None] * torch.bincount(columns)  # (grid, grid)
    return total.view(grid, grid, bins) / (len(fields) * pixels[..., None])


def _cells(side: int, grid: int) -> Tensor:
    """Return the cell of each pixel along a side, int64 (side,)."""
    return torch.arange(side) * grid // side
