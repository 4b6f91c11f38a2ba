"""A network on whole clips, such as 3-D convolutions or frames fused in time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from selfvid.backbones.base import ClipBackbone
from selfvid.encoders.base import Encoder
from selfvid.encoders.frame import fitting_input
from selfvid.encoders.input import Input
from selfvid.errors import InputError
from selfvid.types import Features, Widths


class ClipEncoder(Encoder):
    """One step that sees the whole clip, which has exactly as many frames as the network takes.

    Maps are averaged over time. Longer clips are for a `SlidingEncoder` around it.

    Args:
        backbone: the network on clips.
        input: pixels to what the backbone takes; None takes RGB or grey pixels, by the
            backbone's channels.

    Raises:
        InputError: where input and backbone differ in channels.
    """

    one_length = True

    def __init__(self, backbone: ClipBackbone, *, input: Input | None = None) -> None:
        super().__init__()
        self.input = fitting_input(backbone, input)
        self.window = backbone.frames + self.input.window - 1
        self.in_channels = self.input.in_channels
        self.backbone = backbone
        for layer in backbone.modules():
            if isinstance(layer, nn.Conv3d):
                # Channels innermost is how they are fastest; results are the same to rounding.
                layer.to(memory_format=torch.channels_last_3d)
        vector = backbone.widths.clip
        self.widths = Widths(clip=vector, steps=vector, maps=backbone.widths.maps)

    def forward(self, clip: Tensor) -> Features:
        """Features with S = 1."""
        self._check(clip)
        frames = self.input(clip).transpose(1, 2)
        vector, maps = self.backbone(frames.contiguous(memory_format=torch.channels_last_3d))
        return Features(
            clip=vector,
            steps=vector.unsqueeze(1),
            window=self.window,
            maps=tuple(m.mean(2).unsqueeze(1) for m in maps),
        )

    def _check(self, clip: Tensor) -> None:
        takes = f"{type(self.backbone).__name__} takes clips of {self.window} frames"
        if clip.ndim == 5 and clip.shape[1] > self.window:
            raise InputError(
                f"{takes}, got {clip.shape[1]}; expected a SlidingEncoder around the ClipEncoder"
            )
        if clip.ndim == 5 and clip.shape[1] < self.window:
            raise InputError(f"{takes}, got {clip.shape[1]}; expected longer clips")
