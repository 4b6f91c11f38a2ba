"""Consecutive frames as two views of the same moment, for the image losses of lightly."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torchvision.utils import make_grid

from selfvid.encoders.base import Encoder
from selfvid.objectives.base import Objective, gathered
from selfvid.pictures.flow import flow_in_colour
from selfvid.saving.recorded import Recorded
from selfvid.types import Losses

_PIXEL_CHANNELS = 3  # red, green and blue; clips of flow have 2 or 4 channels


class PairLoss(Recorded, nn.Module, ABC):
    """A loss on two views of the same moments, which is computed behind projection heads."""

    @abstractmethod
    def projector(self, width: int) -> nn.Module:
        """Return a new projection head from vectors (N, `width`) to the space of the loss, (N, D').

        It is thrown away after training.
        """

    @abstractmethod
    def forward(self, a: Tensor, b: Tensor) -> Losses:
        """Compute the loss of two views (N, D') of the same N moments, and its named terms.

        Args:
            a: one view of each moment; of two frames, the earlier one.
            b: the other view.
        """

    def of_all(self, a: Tensor, b: Tensor) -> Losses:
        """Compute the loss of the views in all processes, in float32 whatever the autocast."""
        with torch.autocast(a.device.type, enabled=False):
            losses: Losses = self(gathered(a.float()), gathered(b.float()))
        return losses


class FramePairs(Objective):
    """A loss on pairs of consecutive frames, behind a projection head.

    ::

        clip    a   b   c          view 1: a b
        pairs   a-b b-c            view 2: b c

    Args:
        encoder: any encoder with step features.
        loss: the loss of the two views.

    Raises:
        InputError: If the encoder has no steps.
    """

    least_steps = 2
    least_clips = 2

    def __init__(self, encoder: Encoder, loss: PairLoss) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = loss.projector(encoder.widths.need_steps(type(self).__name__))
        self.loss = loss

    def forward(self, clip: Tensor) -> Losses:
        """Compute the loss of clips (B, T, 3, H, W) with T >= 2; each clip gives T - 1 pairs.

        The parts are the terms that the loss names.
        """
        steps = self.encoder(clip).need_steps(type(self).__name__)  # (B, S, D)
        flat = self.projector(steps.flatten(0, 1))  # (B S, D')
        projected = flat.unflatten(0, steps.shape[:2])  # (B, S, D')
        return self.loss.of_all(projected[:, :-1].flatten(0, 1), projected[:, 1:].flatten(0, 1))

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        """Return the picture of `nearest_frames` for the encoder's step vectors."""
        steps = self.encoder(clip).need_steps(type(self).__name__)
        return {"neighbours": nearest_frames(clip, steps)}


def nearest_frames(clip: Tensor, steps: Tensor, *, most: int = 12) -> Tensor:
    """Draw the first frames of up to `most` clips above the nearest frame of another clip.

    Args:
        clip: pixels (B, T, 3, H, W), 0 to 255, or flow (B, T, 2 or 4, H, W), which is shown in
            colour; B is at least 2.
        steps: embeddings (B, S, D). The first steps are compared, by L1 distance.
        most: largest number of columns of the picture.

    Returns:
        The picture, uint8 (3, H', W').
    """
    z = steps[:, 0].float()  # (B, D)
    distance = torch.cdist(z, z, p=1).fill_diagonal_(torch.inf)  # (B, B)
    nearest = distance[:most].argmin(1)
    rows = torch.cat((clip[:most, 0], clip[nearest, 0]))  # (2 most, C, H, W)
    if rows.shape[1] != _PIXEL_CHANNELS:
        rows = flow_in_colour(rows[:, :2].float())
    grid = make_grid(rows.float(), nrow=len(nearest), padding=2, pad_value=255.0)
    return grid.round().clamp(0, 255).to(torch.uint8)
