"""Frame vectors that show each frame at several scales side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from selfvid.encoders.input import Input
from selfvid.encoders.vectors import FrameVectors
from selfvid.errors import InputError


class Pyramid(FrameVectors):
    """Averages each frame over the cells of several grids, and puts the averages side by side.

    It is meant for optical flow of any size, of which an LSTM on small grids needs no more than the
    mean motion at each place::

        field 64x64 ──▶ 16x16 | 8x8 | 4x4 ──▶ one vector of 2 * (256 + 64 + 16) numbers

    Args:
        input: the layer that converts clips to the frames to average, such as `FlowFields`.
        grids: cells along each side of the frame, one number for each scale.
        even: whether averages at a scale are multiplied by the cells along a side of the finest
            grid, divided by those of this one: all scales then contribute equally to a squared
            error of what moves as a whole, however few cells they have.

    Raises:
        InputError: If there is no grid, or a number is not positive; or, in `forward`, if frames
            have fewer pixels than cells along a side.
    """

    def __init__(self, input: Input, *, grids: Sequence[int] = (16,), even: bool = False) -> None:
        super().__init__()
        if not grids or min(grids) < 1:
            raise InputError(f"grids are {list(grids)}; expected one positive number or more")
        self.input, self.grids, self.even = input, tuple(grids), even
        self.window, self.in_channels = input.window, input.in_channels
        self.width = input.channels * sum(grid**2 for grid in grids)
        if len(self.grids) == 1:
            self.picture_shape = (input.channels, self.grids[0], self.grids[0])

    def forward(self, clip: Tensor) -> Tensor:
        """Compute vectors (B, 1, S, D) of a clip (B, T, C, H, W), scale after scale."""
        if min(clip.shape[-2:]) < max(self.grids):
            raise InputError(
                f"frames are {tuple(clip.shape[-2:])}; Pyramid expected at least "
                f"{max(self.grids)} pixels on each side"
            )
        frames = self.input(clip)  # (B, S, C, H, W)
        flat = frames.flatten(0, 1)
        scales = [
            (max(self.grids) / grid if self.even else 1)
            * adaptive_avg_pool2d(flat, grid).flatten(1)
            for grid in self.grids
        ]
        return torch.cat(scales, 1).unflatten(0, frames.shape[:2]).unsqueeze(1)
