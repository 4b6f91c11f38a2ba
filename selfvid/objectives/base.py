"""The base class of all objectives."""

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
        encoder: the encoder that is trained and exported; of several, the one that stands for the
            run.
        least_steps: the smallest S of a clip for which the loss is defined.
        least_clips: the smallest B of a batch for which the loss is defined.
        needs_flow: whether `forward` also takes the flow between the frames of its clips of pixels,
            (B, T - 1, 2, H, W), as its second argument.
        directed: whether the loss depends on the direction of time, so that clips must not be
            reversed at random.
        whole_clips: whether clips must lie in their videos whole: frames that are repeated because
            a video is too short would give the answer away.
    """

    encoder: Encoder
    least_steps: int = 1
    least_clips: int = 1
    needs_flow: bool = False
    directed: bool = False
    whole_clips: bool = False

    @property
    def encoders(self) -> dict[str, Encoder]:
        """All encoders that are trained, by the name of the folder that each is exported to."""
        return {"encoder": self.encoder}

    @property
    def least_frames(self) -> int:
        """The smallest T of a clip for which the loss is defined."""
        return self.encoder.frames_for(self.least_steps)

    def shown(self, frames: int) -> int:
        """Return how many frames the encoder is given of a clip of `frames` frames.

        An objective that predicts the last frames of a clip does not give these to the encoder.
        """
        return frames

    def check_size(self, height: int, width: int) -> None:
        """Check that the objective can use frames of this size; the encoder has its own check.

        Raises:
            InputError: If the size does not fit.
        """

    def begin(self) -> None:
        """Prepare for training; called once, when the encoder has its initial weights."""

    @abstractmethod
    def forward(self, clip: Tensor) -> Losses:
        """Compute the losses of clips (B, T, 3, H, W), pixels 0 to 255."""

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        """Return named pictures, uint8 (3, H, W), of what has been learned; by default none."""
        del clip
        return {}


def gathered(z: Tensor) -> Tensor:
    """Return the rows of all processes, including those of this one.

    Gradients flow back to the process that a row came from. A loss that compares clips with one
    another is therefore the same for a batch in one process and for the same batch spread over
    several processes.
    """
    return torch.cat(dist.gather(z)) if dist.world_size() > 1 else z
