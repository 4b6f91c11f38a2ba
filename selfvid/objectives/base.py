"""What every objective keeps to."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from lightly.utils import dist
from torch import Tensor, nn

from selfvid.encoders.base import Encoder
from selfvid.saving.recorded import Recorded
from selfvid.types import Losses


class Objective(Recorded, nn.Module, ABC):
    """A loss on clips that needs no labels.

    Attributes:
        encoder: what is learnt and will be exported.
        least_steps: S that a clip must give for the loss to be defined.
        least_clips: B that a batch must have for the loss to be defined.
    """

    encoder: Encoder
    least_steps: int = 1
    least_clips: int = 1

    @property
    def least_frames(self) -> int:
        """T that a clip must have for the loss to be defined."""
        return self.encoder.frames_for(self.least_steps)

    def shown(self, frames: int) -> int:
        """T that the encoder gets of a clip of `frames`; fewer where the rest is predicted."""
        return frames

    def check_size(self, height: int, width: int) -> None:
        """Refuse frames of a size that the objective cannot use, beyond what the encoder does.

        Raises:
            InputError: where the size does not fit.
        """

    def begin(self) -> None:
        """Called once before training, when the encoder has the weights that it begins with."""

    @abstractmethod
    def forward(self, clip: Tensor) -> Losses:
        """Losses of clips (B, T, 3, H, W), pixels 0 to 255."""

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        """Named pictures, uint8 (3, H, W), that show what has been learned; none by default."""
        del clip
        return {}


def gathered(z: Tensor) -> Tensor:
    """Rows of all processes, this batch's own among them; gradients flow back to each.

    A loss that compares clips with one another is then the same whether a batch lies in one
    process or is spread over several.
    """
    return torch.cat(dist.gather(z)) if dist.world_size() > 1 else z
