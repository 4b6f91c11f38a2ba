"""Losses of flow fields and of images, and the end-point error of flow."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from selfvid.errors import InputError


def flow_roughness(flow: Tensor, *, delta: float = 1e-3) -> Tensor:
    """Huber penalty on the gradient of a flow field, after Patraucean et al. (2016).

    With a the length of the gradient of one component at one pixel, H(a) = a² / 2 up to delta and
    delta (a - delta / 2) beyond. The penalty favours flow that is smooth except at a few edges.

    Args:
        flow: flow field, (B, 2, H, W).
        delta: length of the gradient, in pixels of flow per pixel, beyond which the penalty grows
            linearly.

    Returns:
        The mean of H over all elements, a scalar. Its gradient is finite at constant flow too.

    Raises:
        InputError: If delta is not positive.
    """
    if not delta > 0:
        raise InputError(f"delta is {delta}; expected more than 0")
    flow = flow.to(torch.promote_types(flow.dtype, torch.float32))
    # The border values are repeated, so that constant flow has a penalty of zero.
    framed = pad(flow, (1, 1, 1, 1), mode="replicate")  # (B, 2, H + 2, W + 2)
    across, down = _central_differences(framed)
    squared = (across / 2).square() + (down / 2).square()
    # At 0 the gradient of the square root is infinite, so smaller values are raised to delta².
    length = squared.clamp_min(delta**2).sqrt()
    cost = torch.where(squared <= delta**2, squared / 2, delta * (length - delta / 2))
    return cost.mean()


def image_gradient_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error between the gradients of two images.

    It is the loss of the demo that Patraucean et al. (2016) published. Gradients are the filters
    (-1, 0, 1) along x and along y on images padded with zeros.

    Args:
        predicted: predicted images, (..., H, W).
        target: true images of the same shape.

    Returns:
        The mean over pixels and both gradients, a scalar.

    Raises:
        InputError: If the shapes differ.
    """
    if predicted.shape != target.shape:
        raise InputError(
            f"predicted is {tuple(predicted.shape)}; expected {tuple(target.shape)} as the target"
        )
    # The gradient of a difference is the difference of the gradients.
    across, down = _central_differences(pad(predicted - target, (1, 1, 1, 1)))
    return (across.square().mean() + down.square().mean()) / 2


def end_point_error(flow: Tensor, truth: Tensor, *, where: Tensor | None = None) -> Tensor:
    """Mean distance between the ends of two flow vectors, in pixels.

    For a flow of zeros it is the mean length of the true flow. This is the baseline to compare
    with.

    Args:
        flow: flow field, (..., 2, H, W).
        truth: true flow of the same shape.
        where: the pixels to average over, bool (..., H, W); None takes all pixels.

    Returns:
        The mean distance, a scalar.

    Raises:
        InputError: If the shapes differ or there is no pixel to average over.
    """
    if flow.shape != truth.shape or flow.ndim < 3 or flow.shape[-3] != 2:
        raise InputError(
            f"flow is {tuple(flow.shape)}, the truth {tuple(truth.shape)}; "
            "expected (..., 2, H, W) for both"
        )
    distance = (flow - truth).norm(dim=-3)  # (..., H, W)
    if where is None:
        return distance.mean()
    if where.shape != distance.shape or not where.any():
        raise InputError(
            f"where has {int(where.sum())} pixels in {tuple(where.shape)}; "
            f"expected at least one in {tuple(distance.shape)}"
        )
    return distance[where].mean()


def _central_differences(framed: Tensor) -> tuple[Tensor, Tensor]:
    """Subtract the previous from the next pixel, along x and along y.

    Maps (..., H + 2, W + 2) to two tensors (..., H, W).
    """
    across = framed[..., 1:-1, 2:] - framed[..., 1:-1, :-2]
    down = framed[..., 2:, 1:-1] - framed[..., :-2, 1:-1]
    return across, down
