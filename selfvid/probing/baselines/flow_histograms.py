"""Histograms of the directions of optical flow: a baseline with motion but without a network."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from selfvid.data.clips.sampling import Timeline, WholeVideo
from selfvid.data.flow.clips import Fields, StoredFields
from selfvid.data.flow.estimated import EstimatedFlowDataset, check_takes_size
from selfvid.data.flow.folder import FlowFolder
from selfvid.data.flow.origin import FlowOrigin, open_flow
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.decode import DecodeError, DecoderName
from selfvid.errors import InputError
from selfvid.flow.histograms import direction_histograms
from selfvid.flow.stack import flip_flow
from selfvid.probing.baselines.base import Baseline

_AT_A_TIME = 64  # fields of flow in memory: at 340x256, they take 45 MB


class FlowHistograms(Baseline):
    """Histograms of the directions of flow, over cells of the picture and parts of the video.

    Args:
        flow: a folder that `selfvid flow` wrote, with forward flow of every video; or an estimator,
            which is applied to all frames.
        grid: cells along each side of the picture.
        segments: equal parts of the video.
        bins: directions; the first is centred on motion to the right.
        mirror: whether the histograms of a video and of its mirror image are averaged.
        size: (H, W) that frames are resized to before flow is estimated; a folder has its own.
        decoder: the decoder of these frames.

    Raises:
        InputError: If there is no such flow, or a number is not positive.
    """

    name = "optical flow"

    def __init__(
        self,
        flow: FlowOrigin | Path | str,
        *,
        grid: int = 4,
        segments: int = 3,
        bins: int = 8,
        mirror: bool = False,
        size: tuple[int, int] = (64, 64),
        decoder: DecoderName = "auto",
    ) -> None:
        if min(grid, segments, bins) < 1:
            raise InputError(
                f"grid is {grid}, segments {segments}, bins {bins}; expected 1 or more of each"
            )
        self._flow = open_flow(flow)
        self._mirror = mirror
        self._segments, self._grid, self._bins = segments, grid, bins
        self._size, self._decoder = size, decoder

    def check(self, manifest: Manifest) -> None:
        """Check that there is enough flow of every row."""
        if isinstance(self._flow, FlowFolder):
            self._flow.require(manifest)
            for row in manifest.rows:
                self._numbers(row, self._flow.row(row.video).frames)
        else:
            check_takes_size(self._flow, self._size)
            for row in manifest.rows:
                if row.frames:  # else the length is not known before the video is opened
                    self._numbers(row, row.frames)

    def features(self, manifest: Manifest) -> NDArray[np.float64]:
        """Return the square roots of mean displacements in pixels.

        Their shape is (N, segments x grid x grid x bins).
        """
        self.check(manifest)
        return np.stack([self._histogram(manifest, row) for row in manifest.rows])

    def _histogram(self, manifest: Manifest, row: Row) -> NDArray[np.float64]:
        """Return the features of one row, (segments x grid x grid x bins,)."""
        try:
            with self._open(manifest, row) as fields:
                numbers = self._numbers(row, fields.frames)
                parts = np.array_split(numbers, self._segments)
                means = [self._mean(fields, part) for part in parts]
        except DecodeError as error:
            raise InputError(f"flow of {row.path} cannot be read: {error.cause}") from error
        # Roots reduce the weight of large displacements, so that videos become more alike.
        roots = torch.stack(means).sqrt().mean(1)  # (segments, grid, grid, bins)
        return np.asarray(roots.flatten().double().numpy())

    def _open(self, manifest: Manifest, row: Row) -> AbstractContextManager[Fields]:
        """Open the flow of one row."""
        if isinstance(self._flow, FlowFolder):
            return nullcontext(StoredFields(self._flow, row.video))
        one = manifest.select([each is row for each in manifest.rows])
        clips = EstimatedFlowDataset(
            one,
            WholeVideo(frames=1),
            estimator=self._flow,
            size=self._size,
            decoder=self._decoder,
        )
        return clips.fields(row)

    def _mean(self, fields: Fields, part: NDArray[np.int64]) -> Tensor:
        """Return the mean histogram of some fields and of their images, (images, grid, grid, bins).

        The images are the fields as they are and, if mirrored ones count too, mirrored.
        """
        total = torch.zeros(1 + self._mirror, self._grid, self._grid, self._bins)
        for some in np.array_split(part, math.ceil(len(part) / _AT_A_TIME)):
            flow = fields.read(some.tolist(), direction="forward").pixels()  # (n, 2, H, W)
            images = (flow, flip_flow(flow)) if self._mirror else (flow,)
            for total_of, image in zip(total, images, strict=True):
                total_of += direction_histograms(image, grid=self._grid, bins=self._bins).sum(0)
        return total / len(part)

    def _numbers(self, row: Row, frames: int) -> NDArray[np.int64]:
        """Return the numbers of the fields between the frames of a row's video or segment."""
        first, past = Timeline(frames, row.rate or 1.0, None, row.start, row.end).bounds
        count = past - 1 - first  # one field fewer than frames
        if count < self._segments:
            raise InputError(
                f"{row.path} has {max(count, 0)} fields of flow; expected at least {self._segments}"
            )
        return np.arange(first, past - 1)
