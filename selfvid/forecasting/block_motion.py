"""Motion between two frames, by trying every displacement, and pictures moved on along it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

WINDOW = 11
"""Side of the square that is compared, in pixels: large enough to hold a bend of a stroke."""

NOISE = (2 / 255) ** 2
"""Squared difference of a pixel, in frames from 0 to 1, by which a longer way must be better."""


def block_motion(before: Tensor, after: Tensor, *, reach: int, window: int = WINDOW) -> Tensor:
    """How far what each pixel shows has come since the frame before.

    Each pixel takes the displacement within `reach` for which the window around it resembles the
    frame before best; among those that are as good, noise apart, the shortest. What came from
    outside of the frame is compared with black.

    Args:
        before: frames (N, C, H, W).
        after: the next ones, of the same shape.
        reach: pixels to each side.
        window: side of the square that is compared, odd.

    Returns:
        Whole pixels, x then y, int64 (N, 2, H, W): after(p) resembles before(p - motion(p)).
    """
    height, width = after.shape[-2:]
    framed = pad(before, (reach,) * 4)
    ways = _displacements(reach)
    least = torch.full_like(after[:, 0], torch.inf)
    chosen = torch.zeros_like(least, dtype=torch.int16)
    for number, (x, y) in enumerate(ways):
        top, left = reach - y, reach - x
        there = framed[..., top : top + height, left : left + width]
        cost = _windowed((after - there).square().sum(1), window)
        better = cost < least - NOISE
        least = torch.where(better, cost, least)
        chosen.masked_fill_(better, number)
    return torch.tensor(ways, device=after.device)[chosen.long()].movedim(-1, 1)


def moved(frames: Tensor, motion: Tensor, *, on_black: bool) -> Tensor:
    """Each pixel put down where its motion takes it.

    Where several land, the one further from black wins, channel by channel. Where none lands
    there is black, or, in footage that is not on black, what was there before.

    Args:
        frames: (N, C, H, W), 0 is black.
        motion: whole pixels, x then y, int64 (N, 2, H, W); who leaves the frame is gone.
        on_black: whether what is uncovered is black.

    Returns:
        (N, C, H, W).
    """
    height, width = frames.shape[-2:]
    rows = torch.arange(height, device=frames.device)[:, None] + motion[:, 1]
    columns = torch.arange(width, device=frames.device) + motion[:, 0]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    # One cell more than there are pixels takes what leaves the frame.
    index = torch.where(inside, rows * width + columns, height * width).flatten(1)[:, None]
    index = index.expand(-1, frames.shape[1], -1)
    empty = frames.new_zeros(*frames.shape[:2], height * width + 1)
    values = frames.flatten(2)
    high = empty.scatter_reduce(2, index, values, "amax")
    low = empty.scatter_reduce(2, index, values, "amin")
    landed = torch.where(high >= -low, high, low)[..., :-1].view(frames.shape)
    if on_black:
        return landed
    covered = empty.scatter(2, index, 1.0)[..., :-1].view(frames.shape) > 0
    return torch.where(covered, landed, frames)


def _displacements(reach: int) -> list[tuple[int, int]]:
    """All of them, the shortest first."""
    span = range(-reach, reach + 1)
    return sorted(((x, y) for x in span for y in span), key=lambda way: way[0] ** 2 + way[1] ** 2)


def _windowed(cost: Tensor, window: int) -> Tensor:
    """Mean over the window around each pixel of (N, H, W), nothing beyond the border."""
    # Differences of running sums: the price of a window does not grow with its side.
    half = window // 2
    sums = pad(cost, (half + 1, half, half + 1, half)).cumsum(-1)
    rows = (sums[..., window:] - sums[..., :-window]).cumsum(-2)
    return (rows[..., window:, :] - rows[..., :-window, :]) / window**2
