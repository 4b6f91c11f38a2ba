"""Consecutive frames as two views, for the image losses of lightly."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.objectives.base import Objective, gathered
from selfvid.objectives.neighbours import nearest_frames
from selfvid.types import Losses


class FramePairs(Objective):
    """The pairs of temporal coherence under another loss, behind a projection head.

    ::

        clip    a   b   c          view 1: a b
        pairs   a-b b-c            view 2: b c

    Args:
        encoder: any encoder with step features.
        projector: network from (N, D) to the space of the loss; thrown away after training.

    Raises:
        InputError: where the encoder has no steps.
    """

    least_steps = 2
    least_clips = 2

    def __init__(self, encoder: Encoder, projector: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = projector

    @abstractmethod
    def pair_loss(self, a: Tensor, b: Tensor) -> Tensor:
        """Scalar loss of two views (N, D') of the same N moments."""

    def forward(self, clip: Tensor, lengths: Tensor | None = None) -> Losses:
        """Loss of clips (B, T, 3, H, W) with T >= 2; each clip gives T - 1 pairs."""
        steps = self.encoder(clip, lengths).need_steps(type(self).__name__)
        projected = self.projector(steps.flatten(0, 1)).unflatten(0, steps.shape[:2])
        with torch.autocast(steps.device.type, enabled=False):
            z = gathered(projected.float())
            loss = self.pair_loss(z[:, :-1].flatten(0, 1), z[:, 1:].flatten(0, 1))
        return Losses(loss, {type(self).__name__.lower(): loss})

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        """First frames of the clips over their nearest neighbours in the rest of the batch."""
        steps = self.encoder(clip).need_steps(type(self).__name__)
        return {"neighbours": nearest_frames(clip, steps)}


def step_width(encoder: Encoder, who: str) -> int:
    """D of the encoder's steps, or an InputError that says `who` needs them."""
    if encoder.widths.steps is None:
        raise InputError(f"{who} needs an encoder with steps (B, S, D)")
    return encoder.widths.steps
