"""Fusion in time: single frame, early, late and slow.

After Karpathy, Toderici, Shetty, Leung, Sukthankar and Fei-Fei, Large-scale video classification
with convolutional neural networks, CVPR 2014. Letters are frames; a bracket is what one place of
a layer sees::

    SingleFrame  a            conv1 [a]
    EarlyFusion  a .. j       conv1 [a b c d e f g h i j]
    LateFusion   a .. p       conv1 [a] [p]  ..  fc6 [a p]
    SlowFusion   a .. j       conv1 [abcd] [cdef] [efgh] [ghij]  conv2 [a..f] [e..j]  conv3 [a..j]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.base import ClipBackbone, ClipMaps
from selfvid.backbones.layered import ResponseNorm
from selfvid.backbones.short_clips import convolution, dense, places
from selfvid.errors import InputError
from selfvid.types import Widths

POOLINGS = 3
Times = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Size:
    """How large a network is.

    Attributes:
        filters: channels of conv1 to conv5.
        kernels: their sides.
        stride: of conv1 in H and W.
        units: of fc6 and fc7.
        side: H and W of the last map of frames of the size that this is made for.
    """

    filters: tuple[int, int, int, int, int]
    kernels: tuple[int, int, int, int, int]
    stride: int
    units: int
    side: int


SIZES = {
    # 170x170, or 178x178 in two streams.
    "published": Size((96, 256, 384, 384, 256), (11, 5, 3, 3, 3), stride=3, units=4096, side=7),
    # 64x64.
    "small": Size((32, 64, 96, 96, 64), (7, 5, 3, 3, 3), stride=2, units=256, side=4),
}


class Tower(nn.Module):
    """Five convolutions; a map is left by each pooling, and by the end.

    Args:
        size: filters and kernels.
        channels: C of the clips.
        times: frames that conv1, conv2 and conv3 see at once, and frames from one place to the
            next.
        norm: behind conv1 and conv2 responses are normalised, or every convolution has a batch
            norm.
        last_pool: whether conv5 is pooled too.
    """

    def __init__(
        self,
        size: Size,
        channels: int,
        *,
        times: Times,
        norm: Literal["response", "batch"],
        last_pool: bool,
    ) -> None:
        super().__init__()
        ends = [channels, *size.filters]
        every_layer = [*times, (1, 1), (1, 1)]
        first, second, *others = [
            convolution(
                ends[n],
                ends[n + 1],
                size.kernels[n],
                extent=extent,
                every=every,
                stride=size.stride if n == 0 else 1,
                norm=norm,
            )
            for n, (extent, every) in enumerate(every_layer)
        ]
        behind = [
            [ResponseNorm(filters)] if norm == "response" else [] for filters in size.filters[:2]
        ]
        last = [layer for layers in others for layer in layers]
        self.stages = nn.ModuleList(
            [
                nn.Sequential(*first, *behind[0], _pool()),
                nn.Sequential(*second, *behind[1], _pool()),
                nn.Sequential(*last, *([_pool()] if last_pool else [])),
            ]
        )

    def forward(self, clips: Tensor) -> list[Tensor]:
        """Maps (N, C_l, T_l, H_l, W_l) of clips (N, C, T, H, W)."""
        maps, x = [], clips
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class FusionNet(ClipBackbone):
    """Five convolutions and two dense layers; how frames are fused is up to subclasses.

    The vector is fc7, the maps are pool1, pool2 and pool5. With two streams, fovea and context,
    each has convolutions of its own without the last pooling; their maps lie side by side, and
    so do their places in front of fc6. The weights of the streams lie in ``network.whole``, or
    ``network.fovea`` and ``network.context``, those of fc6 and fc7 in ``network.classifier``.

    Args:
        size: ``published``, for frames of 170x170 and streams of 89x89 from 178x178, or
            ``small``, for frames of 64x64.
        streams: the ``whole`` frame, ``both`` its fovea and its context, or one of the two.
        channels: C of the clips.
        norm: ``response`` normalises the responses of conv1 and conv2, as the paper does;
            ``batch`` puts a batch norm behind every convolution, which needs far fewer steps.
        dropout: share dropped of what fc6 and fc7 read in training.

    Raises:
        InputError: where the size is not known, there are no channels, or dropout is no share.
    """

    every = 1
    times: Times = ((1, 1), (1, 1), (1, 1))
    network: nn.ModuleDict

    def __init__(
        self,
        size: Literal["published", "small"] = "published",
        *,
        streams: Streams = "whole",
        channels: int = 3,
        norm: Literal["response", "batch"] = "response",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if size not in SIZES or streams not in PARTS or channels < 1:
            raise InputError(
                f"size is {size!r}, streams {streams!r} and channels {channels}; expected one of "
                f"{', '.join(SIZES)}, one of {', '.join(PARTS)}, and at least 1"
            )
        plan, self.parts = SIZES[size], PARTS[streams]
        self.channels, self.side = channels, plan.side
        last_pool = streams == "whole"
        towers = {
            part: Tower(plan, channels, times=self.times, norm=norm, last_pool=last_pool)
            for part in self.parts
        }
        inputs = len(self.parts) * plan.filters[-1] * self._last_frames() * plan.side**2
        classifier = nn.Sequential(
            *dense(inputs, plan.units, dropout), *dense(plan.units, plan.units, dropout)
        )
        self.network = nn.ModuleDict({**towers, "classifier": classifier})
        maps = [len(self.parts) * plan.filters[n] for n in (0, 1, 4)]
        self.widths = Widths(clip=plan.units, maps=tuple(maps))
        halvings = POOLINGS if last_pool else POOLINGS - 1
        least = plan.stride * (2**halvings - 1) + 1
        self.least = least if last_pool else 2 * least

    def forward(self, clips: Tensor) -> ClipMaps:
        """Vector (N, D) and three maps of clips (N, C, T, H, W)."""
        self.check(clips)
        seen = clips[:, :, :: self.every]
        found = [self.network[part](stream(seen, part)) for part in self.parts]
        maps = [
            level[0] if len(level) == 1 else torch.cat(level, 1)
            for level in zip(*found, strict=True)
        ]
        return ClipMaps(self.network["classifier"](places(maps[-1], self.side)), tuple(maps))

    def _last_frames(self) -> int:
        """T of the last map."""
        frames = len(range(0, self.frames, self.every))
        for extent, step in self.times:
            frames = (frames - extent) // step + 1
        return frames


class SingleFrame(FusionNet):
    """One frame: what all that follow are compared with."""

    frames = 1


class EarlyFusion(FusionNet):
    """Ten frames, fused by the very first layer, whose filters see them all."""

    frames = 10
    times = ((10, 1), (1, 1), (1, 1))


class LateFusion(FusionNet):
    """Two frames 15 apart, the ends of a clip of 16; one tower sees each, fc6 sees both."""

    frames = 16
    every = 15


class SlowFusion(FusionNet):
    """Ten frames, fused step by step by the first three layers."""

    frames = 10
    times = ((4, 2), (2, 2), (2, 2))


def _pool() -> nn.MaxPool3d:
    return nn.MaxPool3d((1, 2, 2))


Streams = Literal["whole", "both", "fovea", "context"]
PARTS: dict[Streams, tuple[str, ...]] = {
    "whole": ("whole",),
    "both": ("fovea", "context"),
    "fovea": ("fovea",),
    "context": ("context",),
}


def stream(clips: Tensor, part: str) -> Tensor:
    """What one stream sees of clips (N, C, T, H, W): all of it, or half of H and of W."""
    if part == "whole":
        return clips
    if part == "context":
        return functional.avg_pool3d(clips, (1, 2, 2))
    height, width = clips.shape[-2] // 2, clips.shape[-1] // 2
    top, left = (clips.shape[-2] - height) // 2, (clips.shape[-1] - width) // 2
    return clips[..., top : top + height, left : left + width]
