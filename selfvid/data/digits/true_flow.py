"""The true flow of moving digits: which way each pixel came, known because we moved it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from selfvid.data.digits.glyphs import Glyphs
from selfvid.data.digits.moving_digits import MovingDigits, draw, draw_around
from selfvid.flow import warp


@dataclass(frozen=True, repr=False)
class DigitFlow:
    """Backward flow between neighbouring frames, where it is known.

    Attributes:
        flow: whole pixels, float32 (B, T - 1, 2, H, W), x before y, at pixels of the later frame:
            ``frames[:, t + 1](p) = frames[:, t](p + flow[:, t](p))`` wherever it is known; zero
            elsewhere.
        known: bool (B, T - 1, H, W), the pixels that a digit draws, in the later frame and where
            they came from, without another digit drawing there as well.
    """

    flow: Tensor
    known: Tensor

    def __repr__(self) -> str:
        return f"DigitFlow({tuple(self.flow.shape)}, {float(self.known.float().mean()):.1%} known)"


def digit_flow(made: MovingDigits, glyphs: Glyphs) -> DigitFlow:
    """The true flow of sequences that were made of `glyphs`.

    Black has no motion. Where digits overlap, the brighter of two pixels is seen, and which of
    the motions is the true one differs from pixel to pixel: such pixels are left out.
    """
    drawn = _drawn(made, glyphs)
    alone = drawn.sum(2) == 1  # (B, T, H, W)
    later = (drawn & alone[:, :, None])[:, 1:]  # (B, T - 1, N, H, W)
    came = -_displacements(made)
    flow = torch.einsum("btnhw,btnc->btchw", later.float(), came.float())
    # A pixel that entered across the border of a torus came from outside of the frame: not alone.
    was_alone = warp(
        alone[:, :-1].flatten(0, 1)[:, None], flow.flatten(0, 1), sampling="nearest"
    ).view(alone[:, 1:].shape)
    known = later.any(2) & was_alone
    return DigitFlow(flow * known[:, :, None], known)


def _drawn(made: MovingDigits, glyphs: Glyphs) -> Tensor:
    """Which pixels each digit draws, bool (B, T, N, H, W)."""
    side = made.frames.shape[-1]
    put = draw if made.directions is None else draw_around
    offsets = made.offsets.transpose(1, 2).flatten(0, 1)[:, :, None]  # (B * N, T, 1, 2)
    images = glyphs.images.to(made.glyphs.device)
    single = put(images, made.glyphs.view(-1, 1), offsets, side=side)
    return single.unflatten(0, made.glyphs.shape).transpose(1, 2) > 0


def _displacements(made: MovingDigits) -> Tensor:
    """How far each digit moved before each frame but the first, pixels (B, T - 1, N, 2)."""
    moved = made.offsets.diff(dim=1)
    if made.directions is None:
        return moved
    side = made.frames.shape[-1]
    return (moved + side // 2) % side - side // 2  # around the torus, the shorter way
