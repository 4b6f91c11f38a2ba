"""An encoder that applies a network on clips, such as a 3-D or fusion network, to a whole clip."""

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
    """Encodes a clip in one step; the clip must have exactly as many frames as the network takes.

    The step vector is the clip vector. Maps are averaged over time. For longer clips, use a
    `SlidingEncoder` around this encoder.

    Args:
        backbone: the network on clips.
        input: the layer that converts clips to the backbone's input; None uses RGB or grey
            pixels, depending on the backbone's channels.

    Raises:
        InputError: If input and backbone differ in channels.
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
                # Convolutions are fastest with channels last; results are the same to rounding.
                layer.to(memory_format=torch.channels_last_3d)
        vector = backbone.widths.clip
        self.widths = Widths(clip=vector, steps=vector, maps=backbone.widths.maps)

    def forward(self, clip: Tensor) -> Features:
        """Compute features with S = 1 of a clip (B, T, C, H, W), where T is `window`."""
        self._check(clip)
        frames = self.input(clip).transpose(1, 2)  # (B, C, T, H, W)
        vector, maps = self.backbone(frames.contiguous(memory_format=torch.channels_last_3d))
        return Features(
            clip=vector,
            steps=vector.unsqueeze(1),  # (B, 1, D)
            window=self.window,
            maps=tuple(m.mean(2).unsqueeze(1) for m in maps),  # (B, 1, C_l, H_l, W_l)
        )

    def _check(self, clip: Tensor) -> None:
        takes = f"{type(self.backbone).__name__} takes clips of {self.window} frames"
        if clip.ndim == 5 and clip.shape[1] > self.window:
            raise InputError(
                f"{takes}, got {clip.shape[1]}; expected a SlidingEncoder around the ClipEncoder"
            )
        if clip.ndim == 5 and clip.shape[1] < self.window:
            raise InputError(f"{takes}, got {clip.shape[1]}; expected longer clips")
