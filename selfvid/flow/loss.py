"""What a flow field and a predicted image cost where they change from pixel to pixel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from selfvid.errors import InputError


def flow_roughness(flow: Tensor, *, delta: float = 1e-3) -> Tensor:
    """Huber penalty on the gradient of a flow field, after Patraucean et al. (2016).

    With a the length of the gradient of one component at one pixel, H(a) = a² / 2 up to delta and
    delta (|a| - delta / 2) beyond: motion is smooth, except at the few edges where it jumps.

    Args:
        flow: (B, 2, H, W).
        delta: in pixels of flow per pixel, where the penalty stops growing with the square.

    Returns:
        The mean of H over all elements, a scalar; gradients are finite where flow is constant.

    Raises:
        InputError: where delta is not positive.
    """
    if not delta > 0:
        raise InputError(f"delta is {delta}; expected more than 0")
    flow = flow.to(torch.promote_types(flow.dtype, torch.float32))
    # Beyond its border a flow field goes on as it is, so that moving as a whole costs nothing.
    framed = pad(flow, (1, 1, 1, 1), mode="replicate")
    across, down = _central_differences(framed)
    squared = (across / 2).square() + (down / 2).square()
    # The root is kept away from 0, where its gradient is infinite.
    length = squared.clamp_min(delta**2).sqrt()
    cost = torch.where(squared <= delta**2, squared / 2, delta * (length - delta / 2))
    return cost.mean()


def image_gradient_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error between image gradients, the loss of the authors' released demo.

    Gradients are the filters (-1, 0, 1) along x and along y on images padded with zeros.

    Args:
        predicted: (..., H, W).
        target: of the same shape.

    Returns:
        The mean over pixels and both gradients, a scalar.

    Raises:
        InputError: where the shapes differ.
    """
    if predicted.shape != target.shape:
        raise InputError(
            f"predicted is {tuple(predicted.shape)}; expected {tuple(target.shape)} as the target"
        )
    # The gradient of a difference is the difference of the gradients.
    across, down = _central_differences(pad(predicted - target, (1, 1, 1, 1)))
    return (across.square().mean() + down.square().mean()) / 2


def _central_differences(framed: Tensor) -> tuple[Tensor, Tensor]:
    """Next less previous pixel along x and along y: (..., H + 2, W + 2) to (..., H, W) each."""
    across = framed[..., 1:-1, 2:] - framed[..., 1:-1, :-2]
    down = framed[..., 2:, 1:-1] - framed[..., :-2, 1:-1]
    return across, down


def end_point_error(flow: Tensor, truth: Tensor, *, where: Tensor | None = None) -> Tensor:
    """Mean distance between the ends of two flow vectors, in pixels.

    Of a flow of zeros this is the mean length of the true flow, the baseline to compare with.

    Args:
        flow: (..., 2, H, W).
        truth: of the same shape.
        where: the pixels that count, bool (..., H, W); None takes all.

    Returns:
        A scalar.

    Raises:
        InputError: where shapes differ or no pixel counts.
    """
    if flow.shape != truth.shape or flow.ndim < 3 or flow.shape[-3] != 2:
        raise InputError(
            f"flow is {tuple(flow.shape)}, the truth {tuple(truth.shape)}; "
            "expected (..., 2, H, W) for both"
        )
    distance = (flow - truth).norm(dim=-3)
    if where is None:
        return distance.mean()
    if where.shape != distance.shape or not where.any():
        raise InputError(
            f"where has {int(where.sum())} pixels in {tuple(where.shape)}; "
            f"expected at least one in {tuple(distance.shape)}"
        )
    return distance[where].mean()
