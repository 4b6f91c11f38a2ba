"""How far a predicted frame is from the true one, summed over its pixels."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from selfvid.encoders.conv_lstm import ConvLSTMEncoder
from selfvid.encoders.input import PixelInput
from selfvid.errors import InputError

FrameLoss = Literal["cross_entropy", "squared_error"]

UNITS: dict[FrameLoss, str] = {
    "cross_entropy": "nats per frame",
    "squared_error": "squared error per frame",
}


def activated(raw: Tensor, loss: FrameLoss) -> Tensor:
    """The prediction that a decoder's last layer stands for: logistic or linear, in float32.

    In bfloat16 a probability near 1 becomes 1, which costs infinitely much where it is wrong.
    """
    return raw.float().sigmoid() if loss == "cross_entropy" else raw.float()


def loss_of_raw(raw: Tensor, truth: Tensor, loss: FrameLoss) -> Tensor:
    """Loss (N, F) of a decoder's last layer (N, F, ...), before `activated`, in float32.

    Cross-entropy takes the true grey value in 0..1 for a probability. Squared error is summed
    without the factor one half that Srivastava et al. train with.
    """
    raw, truth = raw.float(), truth.float()
    if loss == "cross_entropy":
        each = functional.binary_cross_entropy_with_logits(raw, truth, reduction="none")
    else:
        each = (raw - truth).square()
    return each.flatten(2).sum(2)


def loss_of(predicted: Tensor, truth: Tensor, loss: FrameLoss) -> Tensor:
    """Loss (N, F) of predictions (N, F, ...); of probabilities, where it is cross-entropy."""
    predicted, truth = predicted.float(), truth.float()
    if loss == "cross_entropy":
        each = functional.binary_cross_entropy(predicted, truth, reduction="none")
    else:
        each = (predicted - truth).square()
    return each.flatten(2).sum(2)


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
