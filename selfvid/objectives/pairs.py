"""Consecutive frames as two views, for the image losses of lightly."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torchvision.utils import make_grid

from selfvid.encoders.base import Encoder
from selfvid.objectives.base import Objective, gathered
from selfvid.pictures.flow import flow_in_colour
from selfvid.types import Losses

PIXELS = 3  # channels


def nearest_frames(clip: Tensor, steps: Tensor, *, most: int = 12) -> Tensor:
    """First frames of up to `most` clips; below each, its nearest frame in another clip.

    Args:
        clip: pixels (B, T, 3, H, W), 0 to 255, or flow (B, T, 2 or 4, H, W), shown in colour,
            with B >= 2.
        steps: embeddings (B, S, D); the first step is compared.
        most: columns of the picture.

    Returns:
        Picture, uint8 (3, H', W').
    """
    z = steps[:, 0].float()
    distance = torch.cdist(z, z, p=1).fill_diagonal_(torch.inf)
    nearest = distance[:most].argmin(1)
    rows = torch.cat((clip[:most, 0], clip[nearest, 0]))
    if rows.shape[1] != PIXELS:
        rows = flow_in_colour(rows[:, :2].float())
    grid = make_grid(rows.float(), nrow=len(nearest), padding=2, pad_value=255.0)
    return grid.round().clamp(0, 255).to(torch.uint8)


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

    def forward(self, clip: Tensor) -> Losses:
        """Loss of clips (B, T, 3, H, W) with T >= 2; each clip gives T - 1 pairs."""
        steps = self.encoder(clip).need_steps(type(self).__name__)
        projected = self.projector(steps.flatten(0, 1)).unflatten(0, steps.shape[:2])
        with torch.autocast(steps.device.type, enabled=False):
            z = gathered(projected.float())
            loss = self.pair_loss(z[:, :-1].flatten(0, 1), z[:, 1:].flatten(0, 1))
        return Losses(loss, {type(self).__name__.lower(): loss})

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        """First frames of the clips over their nearest neighbours in the rest of the batch."""
        steps = self.encoder(clip).need_steps(type(self).__name__)
        return {"neighbours": nearest_frames(clip, steps)}
