"""Losses between predicted and true frames, and what objectives that predict frames share."""

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
    """Turn the output of a decoder's last layer into a prediction, in float32.

    The activation is logistic for cross-entropy and none for squared error. It is not computed
    in bfloat16: there a probability near 1 becomes 1, and the loss is infinite if it is wrong.
    """
    return raw.float().sigmoid() if loss == "cross_entropy" else raw.float()


def loss_of_raw(raw: Tensor, truth: Tensor, loss: FrameLoss) -> Tensor:
    """Compute the loss (N, F) of a decoder's last layer (N, F, ...), before `activated`.

    The result is float32 and a sum over the pixels of each frame. Cross-entropy takes the true
    grey value in 0..1 as a probability. Squared error is without the factor one half that
    Srivastava et al. train with.
    """
    raw, truth = raw.float(), truth.float()
    if loss == "cross_entropy":
        each = functional.binary_cross_entropy_with_logits(raw, truth, reduction="none")
    else:
        each = (raw - truth).square()
    return each.flatten(2).sum(2)  # (N, F)


def loss_of(predicted: Tensor, truth: Tensor, loss: FrameLoss) -> Tensor:
    """Compute the loss (N, F) of predictions (N, F, ...), after `activated`."""
    predicted, truth = predicted.float(), truth.float()
    if loss == "cross_entropy":
        each = functional.binary_cross_entropy(predicted, truth, reduction="none")
    else:
        each = (predicted - truth).square()
    return each.flatten(2).sum(2)  # (N, F)


def tiling_stride(encoder: ConvLSTMEncoder, who: str) -> int:
    """Return the distance, in pixels of the frame, of neighbouring places of the memory.

    Args:
        encoder: the encoder of an objective that predicts frames.
        who: name of the objective, for error messages.

    Raises:
        InputError: If the encoder's input is not plain pixels, or its last map does not tile the
            frame.
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
    """Convert a clip to the encoder's colours, float32 (B, T, C, H, W) in 0..1."""
    assert isinstance(encoder.input, PixelInput)
    with torch.autocast(clip.device.type, enabled=False):
        # The weights that turn colours into grey sum to a rounding error more than 1.
        return encoder.input.colours(clip).clamp(0, 1)


def check_tiling(height: int, width: int, *, stride: int) -> None:
    """Check that H and W of frames are multiples of `stride`.

    Raises:
        InputError: If they are not.
    """
    if height % stride or width % stride:
        raise InputError(
            f"frames are {height}×{width}; expected multiples of {stride}, "
            "the stride of the backbone's last map"
        )
