"""Glyphs put down on black canvases, for all sequences and frames at once."""

from __future__ import annotations

import torch
from torch import Tensor

# Pixels that are drawn at once on a CPU: what one digit draws is still in its cache for the next.
_CACHED = 2**20


def draw(images: Tensor, chosen: Tensor, offsets: Tensor, *, side: int) -> Tensor:
    """Put the chosen (B, N) of images (M, h, w) at offsets (B, T, N, 2), brighter wins.

    With a glyph laid out in rows as long as the canvas's and black before and behind it, every
    frame it can be in is one run of that layout. For a glyph AB/CD and a canvas of side 4:

        ..........AB..CD..........
                  AB..CD..........    from the glyph on: AB.. CD.. .... ....  offset (0, 0)
             .....AB..CD.....         from 5 before it:  .... .AB. .CD. ....  offset (1, 1)

    So drawing is copying runs, which every device does at the speed of its memory.

    Returns:
        Digits on black, (B, T, side, side).
    """
    runs, glyph = _runs(images, chosen, side)
    x, y = offsets.unbind(-1)
    begins = (glyph[:, None] - (y * side + x)).flatten(0, 1)  # (B * T, N)
    canvas = images.new_empty(*offsets.shape[:2], side, side)
    at_once = max(1, _CACHED // side**2) if canvas.is_cpu else len(begins)
    parts = zip(canvas.view(-1, side**2).split(at_once), begins.split(at_once), strict=True)
    for part, begin in parts:
        first, *others = begin.unbind(1)
        torch.index_select(runs, 0, first, out=part)
        for other in others:
            torch.maximum(part, runs.index_select(0, other), out=part)
    return canvas


def draw_around(images: Tensor, chosen: Tensor, offsets: Tensor, *, side: int) -> Tensor:
    """As `draw`, on a torus: what hangs over on the right or below enters on the other side."""
    overhang = images.shape[-1] - 1
    return _fold(draw(images, chosen, offsets, side=side + overhang), overhang)


def _runs(images: Tensor, chosen: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """All runs of side * side pixels in the chosen (B, N) glyphs, laid out in rows of `side`.

    Returns:
        The runs, a view (R, side * side), and the one that each glyph begins (B, N).
    """
    height, width = images.shape[-2:]
    ahead = (side - height) * side + side - width  # as far as the greatest offset reaches
    laid = images.new_zeros(chosen.numel(), ahead + side**2)
    rows = laid[:, ahead : ahead + height * side].unflatten(1, (height, side))
    rows[..., :width] = images.index_select(0, chosen.flatten())
    glyph = torch.arange(ahead, laid.numel(), laid.shape[1], device=images.device)
    return laid.flatten().unfold(0, side**2, 1), glyph.view(chosen.shape)


def _fold(drawn: Tensor, overhang: int) -> Tensor:
    """Wrap around what hangs over on the right and below: (..., H + o, W + o) to (..., H, W)."""
    for axis in (-2, -1):
        size = drawn.shape[axis] - overhang
        inside, outside = drawn.split((size, overhang), axis)
        near = inside.narrow(axis, 0, overhang)
        near.copy_(torch.maximum(near, outside))
        drawn = inside
    return drawn.contiguous()
