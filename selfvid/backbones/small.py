"""A small convolutional network for small frames."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from selfvid.backbones.base import Backbone
from selfvid.errors import InputError
from selfvid.types import FrameFeatures, Widths

Norm = Literal["group", "batch", "none"]
Activation = Literal["relu", "tanh"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}
GROUPS = 8  # groups of a group norm: four channels each in the narrowest default stage


class SmallNet(Backbone):
    """Stages of convolution, norm, activation and 2x2 max pooling, then average pooling.

    Each stage halves H and W. The network is intended for frames of 32 to 64 pixels.

    Args:
        channels: C of the frames, 1 for grey and 3 for RGB.
        stages: C_l of each stage from fine to coarse.
        kernel: side of the convolutions, odd.
        norm: ``group`` (8 groups, the same in training and evaluation), ``batch`` or ``none``.
        activation: ``relu``, or ``tanh`` as in LeNets.
        grid: the last map is averaged to grid x grid cells; 1 discards all positions.
        features: D of a final linear layer with the same activation; None omits the layer.

    Raises:
        InputError: If a stage or the grid is not positive, or the kernel is even.
    """

    network: nn.ModuleList

    def __init__(
        self,
        *,
        channels: int = 3,
        stages: Sequence[int] = (32, 64, 128, 256),
        kernel: int = 3,
        norm: Norm = "group",
        activation: Activation = "relu",
        grid: int = 1,
        features: int | None = None,
    ) -> None:
        super().__init__()
        if not stages or min(stages) < 1 or grid < 1:
            raise InputError(f"stages and grid must be positive, got {list(stages)} and {grid}")
        if kernel < 1 or kernel % 2 == 0:
            raise InputError(f"kernel must be odd to keep H and W, got {kernel}")
        nonlinear = ACTIVATIONS[activation]
        ends = [channels, *stages]
        self.network = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=norm == "none"),
                _norm(norm, after),
                nonlinear(),
                nn.MaxPool2d(2),
            )
            for before, after in pairwise(ends)
        )
        self.pool = nn.AdaptiveAvgPool2d(grid)
        cells = stages[-1] * grid**2
        self.last = (
            nn.Identity()
            if features is None
            else nn.Sequential(nn.Linear(cells, features), nonlinear())
        )
        self.channels = channels
        self.widths = Widths(clip=features or cells, maps=tuple(stages))
        self.stride = 2 ** len(stages)

    def forward(self, frames: Tensor) -> FrameFeatures:
        """Compute the vector (N, D) and one map per stage of frames (N, C, H, W)."""
        maps, x = [], frames
        for stage in self.network:
            x = stage(x)
            maps.append(x)
        return FrameFeatures(self.last(self.pool(x).flatten(1)), tuple(maps))


def _norm(norm: Norm, channels: int) -> nn.Module:
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "group":
        if channels % GROUPS:
            raise InputError(f"norm 'group' needs stages in multiples of {GROUPS}, got {channels}")
        return nn.GroupNorm(GROUPS, channels)
    return nn.Identity()
