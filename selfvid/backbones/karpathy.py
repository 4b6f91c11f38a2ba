"""Four networks that fuse frames in time: single frame, early, late and slow fusion.

After Karpathy, Toderici, Shetty, Leung, Sukthankar and Fei-Fei, Large-scale video classification
with convolutional neural networks, CVPR 2014. In the table letters are frames, and brackets are
the frames that each place of a layer sees::

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
from selfvid.backbones.conv3d import convolution, dense, places
from selfvid.backbones.layered import ResponseNorm
from selfvid.errors import InputError
from selfvid.types import Widths

Streams = Literal["whole", "both", "fovea", "context"]
# For each of three convolutions, the frames that its kernel covers and its stride in time.
Times = Sequence[tuple[int, int]]

# The streams of a network, each of which has a tower of its own.
PARTS: dict[Streams, tuple[str, ...]] = {
    "whole": ("whole",),
    "both": ("fovea", "context"),
    "fovea": ("fovea",),
    "context": ("context",),
}
POOLINGS = 3  # poolings of a tower on whole frames


@dataclass(frozen=True)
class Size:
    """The size of a network.

    Attributes:
        filters: channels of conv1 to conv5.
        kernels: spatial sides of their kernels.
        stride: stride of conv1 in H and W.
        units: D of fc6 and fc7.
        side: H and W of the last map for frames of the intended size.
    """

    filters: tuple[int, int, int, int, int]
    kernels: tuple[int, int, int, int, int]
    stride: int
    units: int
    side: int


SIZES = {
    # For frames of 170x170, or 178x178 with two streams.
    "published": Size((96, 256, 384, 384, 256), (11, 5, 3, 3, 3), stride=3, units=4096, side=7),
    # For frames of 64x64.
    "small": Size((32, 64, 96, 96, 64), (7, 5, 3, 3, 3), stride=2, units=256, side=4),
}


class FusionNet(ClipBackbone):
    """Five convolutions and two dense layers; subclasses define how frames are fused.

    The vector is fc7, the maps are pool1, pool2 and pool5. With two streams, fovea and context,
    each stream has its own convolutions, without the last pooling; their maps are concatenated
    along the channels before fc6. The weights of the streams are in ``network.whole``, or
    ``network.fovea`` and ``network.context``; those of fc6 and fc7 are in ``network.classifier``.

    Args:
        size: ``published``, for frames of 170x170 and streams of 89x89 from 178x178, or
            ``small``, for frames of 64x64.
        streams: ``whole`` for the whole frame, ``both`` for the fovea (the central half of H and
            W) and the context (the frame at half its size), or one of these two.
        channels: C of the clips.
        norm: ``response`` normalises the responses of conv1 and conv2, as in the paper;
            ``batch`` adds a batch norm after every convolution, which needs far fewer steps.
        dropout: share of the inputs of fc6 and fc7 that is dropped in training.

    Raises:
        InputError: If the size or streams are unknown, there are no channels, or dropout is not in
            [0, 1).
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
        poolings = POOLINGS if last_pool else POOLINGS - 1
        least = plan.stride * (2**poolings - 1) + 1  # smallest input of a tower
        self.least = least if last_pool else 2 * least  # a stream has half of H and W

    def forward(self, clips: Tensor) -> ClipMaps:
        """Compute the vector (N, D) and three maps of clips (N, C, T, H, W)."""
        self.check(clips)
        clips = clips[:, :, :: self.every]
        towers = [self.network[part](stream(clips, part)) for part in self.parts]
        maps = [
            level[0] if len(level) == 1 else torch.cat(level, 1)
            for level in zip(*towers, strict=True)
        ]
        return ClipMaps(self.network["classifier"](places(maps[-1], self.side)), tuple(maps))

    def _last_frames(self) -> int:
        """Return T of the last map."""
        frames = len(range(0, self.frames, self.every))
        for extent, stride in self.times:
            frames = (frames - extent) // stride + 1
        return frames


class SingleFrame(FusionNet):
    """A network on one frame, the baseline for the three fusion networks."""

    frames = 1


class EarlyFusion(FusionNet):
    """A network on ten frames, which are fused by conv1: its kernels cover all frames."""

    frames = 10
    times = ((10, 1), (1, 1), (1, 1))


class LateFusion(FusionNet):
    """A network on the first and last frame of 16, which are fused by fc6.

    The same tower processes both frames.
    """

    frames = 16
    every = 15


class SlowFusion(FusionNet):
    """A network on ten frames, which are fused step by step by conv1, conv2 and conv3."""

    frames = 10
    times = ((4, 2), (2, 2), (2, 2))


class Tower(nn.Module):
    """Five convolutions in three stages; the output of each stage is a map.

    Args:
        size: filters and kernels.
        channels: C of the clips.
        times: frames that the kernels of conv1, conv2 and conv3 cover, and their strides in time.
        norm: ``response`` for response normalisation after conv1 and conv2, ``batch`` for a batch
            norm after every convolution.
        last_pool: whether there is a pooling after conv5.
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
            for n, (extent, every) in enumerate([*times, (1, 1), (1, 1)])
        ]
        norms = [
            [ResponseNorm(filters)] if norm == "response" else [] for filters in size.filters[:2]
        ]
        last = [layer for layers in others for layer in layers]
        self.stages = nn.ModuleList(
            [
                nn.Sequential(*first, *norms[0], _pool()),
                nn.Sequential(*second, *norms[1], _pool()),
                nn.Sequential(*last, *([_pool()] if last_pool else [])),
            ]
        )

    def forward(self, clips: Tensor) -> list[Tensor]:
        """Compute maps (N, C_l, T_l, H_l, W_l) of clips (N, C, T, H, W)."""
        maps, x = [], clips
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def stream(clips: Tensor, part: str) -> Tensor:
    """Return the input of one stream.

    Args:
        clips: (N, C, T, H, W).
        part: ``whole`` for the clips themselves, ``fovea`` for their central half of H and W,
            ``context`` for the clips at half their size.
    """
    if part == "whole":
        return clips
    if part == "context":
        return functional.avg_pool3d(clips, (1, 2, 2))
    height, width = clips.shape[-2] // 2, clips.shape[-1] // 2
    top, left = (clips.shape[-2] - height) // 2, (clips.shape[-1] - width) // 2
    return clips[..., top : top + height, left : left + width]


def _pool() -> nn.MaxPool3d:
    return nn.MaxPool3d((1, 2, 2))
