"""Where things move to, and when: a baseline that needs no network but knows motion."""

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
from selfvid.probing.baselines.metadata import Baseline

_AT_A_TIME = 64  # fields in memory


class FlowHistograms(Baseline):
    """Histograms of the directions of flow, over cells of the picture and parts of the video.

    Args:
        folder: that `selfvid flow` wrote, forward flow of every video.
        grid: cells along each side of the picture.
        segments: equal parts of the video.
        bins: directions, the first centred on motion to the right.

    Raises:
        InputError: where the folder holds no flow or a number is not positive.
    """

    name = "optical flow"

    def __init__(self, folder: Path, *, grid: int = 4, segments: int = 3, bins: int = 8) -> None:
        if min(grid, segments, bins) < 1:
            raise InputError(
                f"grid is {grid}, segments {segments}, bins {bins}; expected 1 or more of each"
            )
        self._flow = FlowFolder(folder)
        self._cells = (segments, grid, bins)

    def check(self, manifest: Manifest) -> None:
        """Refuse a manifest that the flow does not cover."""
        self._flow.require(manifest)
        for row in manifest.rows:
            _fields_of(row, self._flow.row(row.video).frames, least=self._cells[0])

    def features(self, manifest: Manifest) -> NDArray[np.float64]:
        """(N, segments x grid x grid x bins), the square roots of mean pixels of displacement."""
        self.check(manifest)
        return np.stack([self._of(row) for row in manifest.rows])

    def _of(self, row: Row) -> NDArray[np.float64]:
        segments, grid, bins = self._cells
        frames = self._flow.row(row.video).frames
        parts = np.array_split(_fields_of(row, frames, least=segments), segments)
        try:
            means = [self._mean(row.video, part, grid, bins) for part in parts]
        except DecodeError as error:
            raise InputError(f"flow of {row.path} cannot be read: {error.cause}") from error
        # Where much moves, a little more says little: roots bring videos closer to one another.
        return np.asarray(torch.stack(means).sqrt().flatten().double().numpy())

    def _mean(self, video: str, part: NDArray[np.int64], grid: int, bins: int) -> Tensor:
        total = torch.zeros(grid, grid, bins)
        for some in np.array_split(part, math.ceil(len(part) / _AT_A_TIME)):
            fields = self._flow.read(video, some.tolist()).pixels()
            total += direction_histogram(fields, grid=grid, bins=bins) * len(some)
        return total / len(part)


def direction_histogram(fields: Tensor, *, grid: int, bins: int) -> Tensor:
    """How far pixels move in each direction, by cells of the picture.

    Each pixel counts with the length of its vector, in the bin that its direction falls in; the
    first bin is centred on motion to the right, the next ones follow clockwise as seen.

    Args:
        fields: pixels, float (n, 2, H, W).
        grid: cells along each side, as equal as pixels allow.
        bins: directions.

    Returns:
        Means over fields and pixels of a cell, float32 (grid, grid, bins).

    Raises:
        InputError: where fields have fewer pixels than cells.
    """
    height, width = fields.shape[-2:]
    if min(height, width) < grid:
        raise InputError(f"fields are {height}x{width}; expected at least {grid} pixels each way")
    x, y = fields.unbind(1)
    turn = torch.atan2(y, x) / (2 * math.pi) * bins
    place = turn.round().long() % bins + bins * (
        _cells(width, grid) + grid * _cells(height, grid)[:, None]
    )
    total = torch.zeros(grid * grid * bins)
    total.index_add_(0, place.flatten(), torch.hypot(x, y).flatten())
    rows = torch.bincount(_cells(height, grid))
    pixels = rows[:, None] * torch.bincount(_cells(width, grid))
    return total.view(grid, grid, bins) / (len(fields) * pixels[..., None])


def _cells(side: int, grid: int) -> Tensor:
    """Which cell each pixel along a side lies in, int64 (side,)."""
    return torch.arange(side) * grid // side


def _fields_of(row: Row, frames: int, *, least: int) -> NDArray[np.int64]:
    """The fields between the frames of a video, or of the segment that a row tells."""
    first, past = Timeline(frames, row.rate or 1.0, None, row.start, row.end).bounds
    if past - 1 - first < least:
        raise InputError(
            f"{row.path} has {max(past - 1 - first, 0)} fields of flow; expected at least {least}"
        )
    return np.arange(first, past - 1)
