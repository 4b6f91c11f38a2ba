"""A 2-D network on each frame of a clip."""

from __future__ import annotations

import torch
from torch import Tensor

from selfvid.backbones.base import Backbone, ClipBackbone
from selfvid.encoders.base import Encoder
from selfvid.encoders.input import Input, PixelInput
from selfvid.errors import InputError
from selfvid.types import Features, Widths


class FrameEncoder(Encoder):
    """Steps are frames; the clip vector is their mean over time.

    Args:
        backbone: the network on frames.
        input: pixels to what the backbone takes; None takes RGB or grey pixels, by the
            backbone's channels.

    Raises:
        InputError: where input and backbone differ in channels.
    """

    def __init__(self, backbone: Backbone, *, input: Input | None = None) -> None:
        super().__init__()
        self.input = fitting_input(backbone, input)
        self.window, self.in_channels = self.input.window, self.input.in_channels
        # Colours innermost is how convolutions are fastest; results are the same to rounding.
        self.backbone = backbone.to(memory_format=torch.channels_last)
        vector = backbone.widths.clip
        self.widths = Widths(clip=vector, steps=vector, maps=backbone.widths.maps)

    def forward(self, clip: Tensor) -> Features:
        """Features with S = T steps (fewer where the input looks at several frames at once)."""
        frames = self.input(clip)
        batch, steps = frames.shape[:2]
        vector, maps = self.backbone(frames.flatten(0, 1))
        vectors = vector.reshape(batch, steps, self.widths.clip)
        return Features(
            clip=vectors.mean(1),
            steps=vectors,
            window=self.window,
            maps=tuple(m.reshape(batch, steps, *m.shape[1:]) for m in maps),
        )


def fitting_input(backbone: Backbone | ClipBackbone, input: Input | None) -> Input:
    """The input, or where it is None RGB or grey pixels, by the backbone's channels.

    Raises:
        InputError: where input and backbone differ in channels.
    """
    if input is None:
        input = PixelInput("grey" if backbone.channels == 1 else "rgb")
    if input.channels != backbone.channels:
        raise InputError(
            f"input makes {input.channels} channels, "
            f"{type(backbone).__name__} expects {backbone.channels}"
        )
    return input
