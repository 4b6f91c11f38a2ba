"""How far a predicted frame is from the true one, summed over its pixels."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional

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
