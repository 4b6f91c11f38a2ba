"""The true frames, as objectives on maps compare their predictions with them."""

from __future__ import annotations

import torch
from torch import Tensor

from selfvid.encoders.conv_lstm import ConvLSTMEncoder
from selfvid.encoders.input import PixelInput
from selfvid.errors import InputError


def tiling_stride(encoder: ConvLSTMEncoder, who: str) -> int:
    """Pixels from one place of the memory to the next.

    Raises:
        InputError: where the encoder's input is not plain pixels, or places do not tile the frame.
    """
    if not isinstance(encoder.input, PixelInput):
        raise InputError(
            f"{who} predicts frames and needs an encoder of PixelInput, "
            f"got {type(encoder.input).__name__}"
        )
    if encoder.backbone.stride is None:
        raise InputError(
            f"{who} needs a backbone whose last map tiles the frame, "
            f"got {type(encoder.backbone).__name__}"
        )
    return encoder.backbone.stride


@torch.no_grad()
def true_colours(encoder: ConvLSTMEncoder, clip: Tensor) -> Tensor:
    """The clip in the encoder's colours, (B, T, C, H, W) in 0..1, in float32."""
    assert isinstance(encoder.input, PixelInput)
    with torch.autocast(clip.device.type, enabled=False):
        # The weights of the colours in grey add up to a rounding error more than 1.
        return encoder.input.colours(clip).clamp(0, 1)


def check_tiling(height: int, width: int, *, stride: int) -> None:
    """Refuse frames whose H or W are no multiples of `stride`.

    Raises:
        InputError: where they are not.
    """
    if height % stride or width % stride:
        raise InputError(
            f"frames are {height}×{width}; expected multiples of {stride}, "
            "which the backbone makes one place of its last map"
        )
