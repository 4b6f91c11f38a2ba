"""Motion between two frames by block matching, and frames that are moved along it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

WINDOW = 11  # pixels, side of the square that is compared: it contains a bend of a digit's stroke
# A longer displacement must be better by this squared difference per pixel (frames from 0 to 1):
# two grey levels, the noise of compression.
NOISE = (2 / 255) ** 2


def block_motion(before: Tensor, after: Tensor, *, reach: int, window: int = WINDOW) -> Tensor:
    """Return how far the content of each pixel has moved since the frame before.

    For each pixel, all displacements up to `reach` are tried, and the window around the pixel is
    compared with the window in the frame before. The best displacement is taken; among
    displacements that are equally good, apart from noise, the shortest one. Outside of the frame
    there is black.

    Args:
        before: frames, (N, C, H, W).
        after: the next frames, (N, C, H, W).
        reach: largest displacement along each axis, in pixels.
        window: side of the square that is compared, odd.

    Returns:
        Whole pixels, x then y, int64 (N, 2, H, W): after(p) resembles before(p - motion(p)).
    """
    height, width = after.shape[-2:]
    framed = pad(before, (reach,) * 4)
    displacements = _displacements(reach)
    least = torch.full_like(after[:, 0], torch.inf)  # (N, H, W)
    chosen = torch.zeros_like(least, dtype=torch.int16)
    for number, (x, y) in enumerate(displacements):
        top, left = reach - y, reach - x
        source = framed[..., top : top + height, left : left + width]
        cost = _windowed((after - source).square().sum(1), window)  # (N, H, W)
        better = cost < least - NOISE
        least = torch.where(better, cost, least)
        chosen.masked_fill_(better, number)
    motion = torch.tensor(displacements, device=after.device)[chosen.long()]  # (N, H, W, 2)
    return motion.movedim(-1, 1)  # (N, 2, H, W)


def moved(frames: Tensor, motion: Tensor, *, on_black: bool) -> Tensor:
    """Move each pixel along its motion.

    If several pixels move to one place, the value furthest from black is taken, in each channel.
    A place that no pixel moves to becomes black, or keeps its value if `on_black` is false.

    Args:
        frames: (N, C, H, W), 0 is black.
        motion: whole pixels, x then y, int64 (N, 2, H, W); pixels that leave the frame are lost.
        on_black: whether places that no pixel moves to become black.

    Returns:
        (N, C, H, W).
    """
    height, width = frames.shape[-2:]
    rows = torch.arange(height, device=frames.device)[:, None] + motion[:, 1]  # (N, H, W)
    columns = torch.arange(width, device=frames.device) + motion[:, 0]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    # One more cell than there are pixels receives the pixels that leave the frame.
    index = torch.where(inside, rows * width + columns, height * width).flatten(1)[:, None]
    index = index.expand(-1, frames.shape[1], -1)  # (N, C, H W)
    empty = frames.new_zeros(*frames.shape[:2], height * width + 1)
    values = frames.flatten(2)  # (N, C, H W)
    high = empty.scatter_reduce(2, index, values, "amax")
    low = empty.scatter_reduce(2, index, values, "amin")
    landed = torch.where(high >= -low, high, low)[..., :-1].view(frames.shape)
    if on_black:
        return landed
    covered = empty.scatter(2, index, 1.0)[..., :-1].view(frames.shape) > 0
    return torch.where(covered, landed, frames)


def _displacements(reach: int) -> list[tuple[int, int]]:
    """Return all displacements (x, y) up to `reach`, the shortest first."""
    span = range(-reach, reach + 1)
    return sorted(
        ((x, y) for x in span for y in span), key=lambda each: each[0] ** 2 + each[1] ** 2
    )


def _windowed(cost: Tensor, window: int) -> Tensor:
    """Return the mean over the window around each pixel of (N, H, W), with 0 outside."""
    # Differences of running sums: the time does not depend on the size of the window.
    half = window // 2
    sums = pad(cost, (half + 1, half, half + 1, half)).cumsum(-1)
    rows = (sums[..., window:] - sums[..., :-window]).cumsum(-2)
    return (rows[..., window:, :] - rows[..., :-window, :]) / window**2
