"""How far a flow field is from the truth."""

from __future__ import annotations

from torch import Tensor

from selfvid.errors import InputError


def end_point_error(flow: Tensor, truth: Tensor, *, where: Tensor | None = None) -> Tensor:
    """Mean distance between the ends of two flow vectors, in pixels.

    Of a flow of zeros this is the mean length of the true flow, the floor to compare with.

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
