"""The true optical flow of moving digits, computed from the positions at which they were drawn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from selfvid.data.digits.glyphs import Glyphs
from selfvid.data.digits.moving_digits import MovingDigits, draw, draw_around
from selfvid.flow import warp


@dataclass(frozen=True, repr=False)
class DigitFlow:
    """True backward flow between neighbouring frames, at the pixels whose flow is known.

    Attributes:
        flow: displacements in whole pixels, float32 (B, T - 1, 2, H, W), x before y, at the
            pixels of the later frame: ``frames[:, t + 1](p) = frames[:, t](p + flow[:, t](p))``
            at every known pixel; zero elsewhere.
        known: bool (B, T - 1, H, W): pixels on which exactly one digit is drawn, in the later
            frame and at the position in the earlier frame that they come from.
    """

    flow: Tensor
    known: Tensor

    def __repr__(self) -> str:
        return f"DigitFlow({tuple(self.flow.shape)}, {float(self.known.float().mean()):.1%} known)"


def digit_flow(made: MovingDigits, glyphs: Glyphs) -> DigitFlow:
    """Compute the true flow of sequences.

    The black background has no flow. Pixels at which digits overlap are left out: they show the
    brighter digit, so their motion would be that of one digit at one pixel and of the other digit
    at the next.

    Args:
        made: the sequences.
        glyphs: the digit images that they were made of.
    """
    drawn = _drawn(made, glyphs)
    alone = drawn.sum(2) == 1  # (B, T, H, W)
    later = (drawn & alone[:, :, None])[:, 1:]  # (B, T - 1, N, H, W)
    came = -_displacements(made)  # (B, T - 1, N, 2)
    flow = torch.einsum("btnhw,btnc->btchw", later.float(), came.float())  # (B, T - 1, 2, H, W)
    # A pixel that crossed the border of the torus comes from outside of the earlier frame, where
    # `warp` finds False.
    was_alone = warp(
        alone[:, :-1].flatten(0, 1)[:, None], flow.flatten(0, 1), sampling="nearest"
    ).view(alone[:, 1:].shape)
    known = later.any(2) & was_alone  # (B, T - 1, H, W)
    return DigitFlow(flow * known[:, :, None], known)


def _drawn(made: MovingDigits, glyphs: Glyphs) -> Tensor:
    """Return whether each digit is drawn on each pixel, bool (B, T, N, H, W)."""
    side = made.frames.shape[-1]
    put = draw if made.directions is None else draw_around
    offsets = made.offsets.transpose(1, 2).flatten(0, 1)[:, :, None]  # (B * N, T, 1, 2)
    images = glyphs.images.to(made.glyphs.device)
    single = put(images, made.glyphs.view(-1, 1), offsets, side=side)  # (B * N, T, H, W)
    return single.unflatten(0, made.glyphs.shape).transpose(1, 2) > 0


def _displacements(made: MovingDigits) -> Tensor:
    """Return the displacement of each digit from each frame to the next, (B, T - 1, N, 2)."""
    moved = made.offsets.diff(dim=1)
    if made.directions is None:
        return moved
    side = made.frames.shape[-1]
    return (moved + side // 2) % side - side // 2  # the shorter way around the torus
