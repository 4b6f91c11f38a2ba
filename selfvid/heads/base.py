"""What every head keeps to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.errors import InputError
from selfvid.recurrent import State
from selfvid.saving.recorded import Recorded
from selfvid.types import Features, Prediction, Widths


class Head(Recorded, nn.Module, ABC):
    """Maps an encoder's features to class probabilities.

    Constructed with the encoder's widths and the number of classes first, so that a recipe names
    the class and its other arguments only.

    Args:
        widths: D and C_l of the encoder.
        classes: K.

    Raises:
        InputError: where the encoder lacks what the head reads, or there are fewer than two
            classes.
    """

    def __init__(self, widths: Widths, classes: int) -> None:
        super().__init__()
        if classes < 2:
            raise InputError(f"{type(self).__name__} tells classes apart, got {classes} of them")
        self.widths, self.classes = widths, classes

    @abstractmethod
    def forward(self, features: Features, state: State | None = None) -> Prediction:
        """Votes (B, S, K) and probabilities (B, K).

        Args:
            features: of a batch of clips.
            state: left by the clips before these, for heads that carry one on.
        """

    def preview(self, features: Features, frames: Tensor) -> dict[str, Tensor]:
        """Named pictures, uint8 (3, H, W), of what the head does along one clip; none by default.

        Args:
            features: of the clip, B = 1.
            frames: its pixels, uint8 (T, 3, H, W).
        """
        del features, frames
        return {}

    def reads(self, features: Features) -> Features:
        """`features` without what this head never looks at; maps that it skips have no steps.

        A head that does not say is taken to look at everything.
        """
        return features

    def loss(self, prediction: Prediction, labels: Tensor) -> Tensor:
        """Cross-entropy of each step's vote, mean over steps and clips.

        Args:
            prediction: what this head has said.
            labels: class indices (B,).
        """
        votes = prediction.votes
        each = functional.cross_entropy(
            votes.flatten(0, 1), labels.repeat_interleave(votes.shape[1]), reduction="none"
        ).unflatten(0, votes.shape[:2])
        return each.mean(1).mean()


HeadFactory = Callable[[Widths, int], Head]
"""What a recipe gives: a head for an encoder's widths and a number of classes."""


def averaged(votes: Tensor) -> Tensor:
    """Mean (B, K) of the softmax of each step's vote (B, S, K)."""
    return votes.float().softmax(-1).mean(1)


def initialised(layer: nn.Linear, deviation: float) -> nn.Linear:
    """The same layer with Gaussian weights and no bias, as Caffe's networks began."""
    nn.init.normal_(layer.weight, std=deviation)
    nn.init.zeros_(layer.bias)
    return layer


def voting_width(widths: Widths) -> int:
    """D of the vectors that `voting_vectors` gives."""
    return widths.clip if widths.steps is None else widths.steps


def voting_vectors(features: Features) -> Tensor:
    """Step vectors (B, S, D), or the clip vector as the one step, (B, 1, D)."""
    return features.clip.unsqueeze(1) if features.steps is None else features.steps


def without_maps(features: Features) -> Features:
    """The vectors alone: what a head `reads` that looks at nothing else."""
    return replace(features, maps=None, flow=None)


def first_state(state: State | None, like: Tensor) -> State | None:
    """`state`, checked to be one of as many clips as `like` (B, ...)."""
    if state is not None and state[0].shape[0] != like.shape[0]:
        raise InputError(
            f"state is of {state[0].shape[0]} clips and these are {like.shape[0]}; expected as many"
        )
    return state


def log_mean_probability(votes: Tensor) -> Tensor:
    """Logarithm (B, K) of the mean over S of the softmax of votes (B, S, K)."""
    each = votes.float().log_softmax(-1)
    return each.logsumexp(1) - torch.log(torch.tensor(float(votes.shape[1])))
