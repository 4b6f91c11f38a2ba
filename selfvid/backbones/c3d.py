"""C3D (Tran et al., Learning spatiotemporal features with 3D convolutional networks, ICCV 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from selfvid.backbones.base import ClipBackbone, ClipMaps
from selfvid.backbones.conv3d import convolution, dense, places
from selfvid.backbones.pretrained import load_weights
from selfvid.errors import InputError
from selfvid.types import Widths


@dataclass(frozen=True)
class Size:
    """The size of the network.

    Attributes:
        stages: channels of the convolutions before each of the five poolings.
        units: D of fc6 and fc7.
        side: H and W of pool5 for frames of the intended size.
    """

    stages: tuple[tuple[int, ...], ...]
    units: int
    side: int


SIZES = {
    # For frames of 112x112.
    "published": Size(((64,), (128,), (256, 256), (512, 512), (512, 512)), units=4096, side=4),
    # For frames of 64x64.
    "small": Size(((16,), (32,), (64,), (96,), (96,)), units=256, side=3),
}

# Names of the layers in state dicts made from the authors' release (conv1a or conv1, conv3b, fc6),
# and their names in `network`.
RELEASED = {
    **{f"conv{n + 1}{end}": f"features.{n}.0" for n in range(5) for end in ("", "a")},
    **{f"conv{n}b": f"features.{n - 1}.2" for n in (3, 4, 5)},
    "fc6": "classifier.1",
    "fc7": "classifier.4",
}


class C3D(ClipBackbone):
    """Convolutions of 3x3x3 and poolings of 2x2x2 on 16 frames; pool1 is spatial only.

    The maps are pool1 to pool5. The output of conv5b is padded with zeros in space, so that pool5
    of 112x112 frames is 4x4, as in the network that the authors released.

    Args:
        vector: ``fc6`` or ``fc7``, after its ReLU.
        size: ``published``, for frames of 112x112, or ``small``, for 64x64, with one convolution
            before each pooling.
        channels: C of the clips.
        norm: ``none`` as published, or ``batch`` after every convolution.
        dropout: share of the inputs of fc7 that is dropped in training; dropout of the vector
            belongs to the head.
        weights: ``random``, or the path of a state dict with the layer names of `network` or of
            the authors' release.

    Raises:
        InputError: If the size is unknown, dropout is not in [0, 1) or is given although `vector`
            is ``fc6``, or the weights do not fit.
    """

    frames = 16
    least = 16  # four poolings halve H and W; the fifth, padded, needs one place
    network: nn.ModuleDict

    def __init__(
        self,
        vector: Literal["fc6", "fc7"] = "fc6",
        *,
        size: Literal["published", "small"] = "published",
        channels: int = 3,
        norm: Literal["none", "batch"] = "none",
        dropout: float = 0.0,
        weights: str = "random",
    ) -> None:
        super().__init__()
        if size not in SIZES or vector not in ("fc6", "fc7") or channels < 1:
            raise InputError(
                f"size is {size!r}, vector {vector!r} and channels {channels}; expected one of "
                f"{', '.join(SIZES)}, fc6 or fc7, and at least 1"
            )
        if dropout and vector == "fc6":
            raise InputError(f"dropout is {dropout} and vector fc6; expected 0: fc7 alone reads it")
        plan = SIZES[size]
        ends = [channels, *(stage[-1] for stage in plan.stages)]
        stages = nn.ModuleList(
            _stage([before, *filters], norm=norm, number=number)
            for number, (before, filters) in enumerate(zip(ends[:-1], plan.stages, strict=True))
        )
        layers = dense(ends[-1] * plan.side**2, plan.units, 0.0)
        if vector == "fc7":
            layers += dense(plan.units, plan.units, dropout)
        self.network = nn.ModuleDict({"features": stages, "classifier": nn.Sequential(*layers)})
        load_weights(self.network, weights, name="C3D", published=None, layers=RELEASED)
        self.channels, self.side = channels, plan.side
        self.widths = Widths(clip=plan.units, maps=tuple(ends[1:]))

    def forward(self, clips: Tensor) -> ClipMaps:
        """Compute the vector (N, D) and five maps of clips (N, C, 16, H, W)."""
        self.check(clips)
        maps, x = [], clips
        for stage in self.network["features"].children():
            x = stage(x)
            maps.append(x)
        return ClipMaps(self.network["classifier"](places(x, self.side)), tuple(maps))


def _stage(ends: Sequence[int], *, norm: Literal["none", "batch"], number: int) -> nn.Sequential:
    """Build the convolutions from `ends[0]` to `ends[-1]` channels and the pooling after them."""
    layers = [
        layer
        for before, after in pairwise(ends)
        for layer in convolution(before, after, 3, extent=3, norm=norm, pad_time=True)
    ]
    if number == 0:
        pool = nn.MaxPool3d((1, 2, 2))
    else:
        # MaxPool3d pads with minus infinity; after a ReLU the result is the same as with zeros.
        pool = nn.MaxPool3d(2, padding=(0, 1, 1) if number == 4 else 0)
    return nn.Sequential(*layers, pool)
