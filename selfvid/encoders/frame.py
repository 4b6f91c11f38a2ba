"""An encoder that applies a 2-D network to each frame of a clip."""

from __future__ import annotations

import torch
from torch import Tensor

from selfvid.backbones.base import Backbone, ClipBackbone
from selfvid.encoders.base import Encoder
from selfvid.encoders.input import Input, PixelInput
from selfvid.errors import InputError
from selfvid.types import Features, Widths


class FrameEncoder(Encoder):
    """Encodes each frame separately; the clip vector is the mean of the frame vectors.

    Args:
        backbone: the network on frames.
        input: the layer that converts clips to the backbone's input; None uses RGB or grey
            pixels, depending on the backbone's channels.

    Raises:
        InputError: If input and backbone differ in channels.
    """

    def __init__(self, backbone: Backbone, *, input: Input | None = None) -> None:
        super().__init__()
        self.input = fitting_input(backbone, input)
        self.window, self.in_channels = self.input.window, self.input.in_channels
        # Convolutions are fastest with channels last; results are the same to rounding.
        self.backbone = backbone.to(memory_format=torch.channels_last)
        vector = backbone.widths.clip
        self.widths = Widths(clip=vector, steps=vector, maps=backbone.widths.maps)

    def forward(self, clip: Tensor) -> Features:
        """Compute features with S = T steps (fewer if the input uses several frames per step)."""
        frames = self.input(clip)  # (B, S, C, H, W)
        batch, steps = frames.shape[:2]
        vector, maps = self.backbone(frames.flatten(0, 1))  # (B * S, D)
        vectors = vector.reshape(batch, steps, self.widths.clip)  # (B, S, D)
        return Features(
            clip=vectors.mean(1),
            steps=vectors,
            window=self.window,
            maps=tuple(m.reshape(batch, steps, *m.shape[1:]) for m in maps),
        )


def fitting_input(backbone: Backbone | ClipBackbone, input: Input | None) -> Input:
    """Return the input; if it is None, RGB or grey pixels, depending on the backbone's channels.

    Raises:
        InputError: If input and backbone differ in channels.
    """
    if input is None:
        input = PixelInput("grey" if backbone.channels == 1 else "rgb")
    if input.channels != backbone.channels:
        raise InputError(
            f"input makes {input.channels} channels, "
            f"{type(backbone).__name__} expects {backbone.channels}"
        )
    return input
