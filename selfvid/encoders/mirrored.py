"""An encoder whose vectors do not tell a clip from its mirror image."""

from __future__ import annotations

from torch import Tensor

from selfvid.encoders.base import Encoder
from selfvid.flow.stack import flip_flow
from selfvid.types import Features, Widths


class MirroredEncoder(Encoder):
    """Encodes each clip and its mirror image with another encoder, and takes the mean of both.

    Left and right are swapped in the mirror image, and the sign of x in flow. A movement to the
    left and the same movement to the right get one vector. That helps where labels do not depend on
    the side, above all with few of them, and makes left and right impossible to tell where they do.

    Args:
        encoder: the encoder that is applied to both; gradients flow through it.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.window, self.stride = encoder.window, encoder.stride
        self.one_length, self.in_channels = encoder.one_length, encoder.in_channels
        self.widths = Widths(clip=encoder.widths.clip, steps=encoder.widths.steps)
        self.provenance = encoder.provenance

    def forward(self, clip: Tensor) -> Features:
        """Compute the features of clips (B, T, C, H, W), without maps."""
        mirrored = clip.flip(-1) if self.in_channels == 3 else flip_flow(clip)
        one, other = self.encoder(clip), self.encoder(mirrored)
        return Features(
            clip=(one.clip + other.clip) / 2,
            steps=None if one.steps is None else (one.steps + other.steps) / 2,
            window=one.window,
            stride=one.stride,
        )
