"""Weights that learnt from pictures, made to fit flow and clips."""

from __future__ import annotations

from torch import Tensor

COLOURS = 3


def inflate_colours(weight: Tensor, *, like: Tensor) -> Tensor:
    """Filters of three colours for as many channels as `like` has; any other weight as it is.

    The mean over the colours is repeated, as Wang et al. (arXiv:1507.02159) made networks of RGB
    begin to see stacks of flow.

    Args:
        weight: (D, 3, ...).
        like: (D, C, ...), or a weight of any other shape.
    """
    fits = weight.shape[:1] + weight.shape[2:] == like.shape[:1] + like.shape[2:]
    if weight.ndim < 4 or not fits or weight.shape[1] != COLOURS:
        return weight
    if like.shape[1] == COLOURS:
        return weight
    return weight.mean(1, keepdim=True).expand_as(like)


def inflate_kernel(weight: Tensor, extent: int) -> Tensor:
    """A filter of pictures (D, C, h, w) for clips, (D, C, extent, h, w).

    It is repeated over time and divided by its extent, so that a picture repeated over time is
    seen as it was (Carreira and Zisserman, arXiv:1705.07750).
    """
    return weight.unsqueeze(2).repeat(1, 1, extent, 1, 1) / extent
