"""The base class of all heads, and functions that several heads share."""

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

    The first two arguments of every head are the encoder's widths and the number of classes. A
    recipe names the class of the head and its other arguments only.

    Args:
        widths: D and C_l of the encoder.
        classes: K.

    Raises:
        InputError: If the encoder lacks features that the head needs, or there are fewer than two
            classes.
    """

    def __init__(self, widths: Widths, classes: int) -> None:
        super().__init__()
        if classes < 2:
            raise InputError(f"{type(self).__name__} needs at least 2 classes, got {classes}")
        self.widths, self.classes = widths, classes

    @abstractmethod
    def forward(self, features: Features, state: State | None = None) -> Prediction:
        """Compute votes (B, S, K) and probabilities (B, K).

        Args:
            features: the features of a batch of clips.
            state: the state after the clips before these, for heads that have one; None starts
                without.
        """

    def reads(self, features: Features) -> Features:
        """Return `features` without those that this head does not use; by default all.

        They can then be stored without the rest. Maps that are not used keep their place, with
        S = 0.
        """
        return features

    def loss(self, prediction: Prediction, labels: Tensor) -> Tensor:
        """Compute the cross-entropy of each step's vote, averaged over steps and clips.

        Args:
            prediction: the output of `forward`.
            labels: class indices (B,).
        """
        votes = prediction.votes
        each = functional.cross_entropy(
            votes.flatten(0, 1), labels.repeat_interleave(votes.shape[1]), reduction="none"
        ).unflatten(0, votes.shape[:2])  # (B, S)
        return each.mean(1).mean()


HeadFactory = Callable[[Widths, int], Head]
"""A function that makes a head for an encoder's widths and a number of classes."""


def averaged(votes: Tensor) -> Tensor:
    """Average the softmax of each step's vote: (B, S, K) to (B, K)."""
    return votes.float().softmax(-1).mean(1)


def initialised(layer: nn.Linear, deviation: float) -> nn.Linear:
    """Initialise a layer with Gaussian weights and zero bias, as in Caffe, and return it."""
    nn.init.normal_(layer.weight, std=deviation)
    nn.init.zeros_(layer.bias)
    return layer


def voting_width(widths: Widths) -> int:
    """Return D of the vectors that `voting_vectors` returns."""
    return widths.clip if widths.steps is None else widths.steps


def voting_vectors(features: Features) -> Tensor:
    """Return the step vectors (B, S, D), or the clip vector as the only step, (B, 1, D)."""
    return features.clip.unsqueeze(1) if features.steps is None else features.steps


def without_maps(features: Features) -> Features:
    """Return the features without maps and flow, for heads that use vectors only."""
    return replace(features, maps=None, flow=None)


def first_state(state: State | None, like: Tensor) -> State | None:
    """Return `state` after a check that its batch size is that of `like` (B, ...).

    Raises:
        InputError: If it is not.
    """
    if state is not None and state[0].shape[0] != like.shape[0]:
        raise InputError(
            f"the state belongs to {state[0].shape[0]} clips and the batch has {like.shape[0]}; "
            "expected the same number"
        )
    return state


def log_mean_probability(votes: Tensor) -> Tensor:
    """Compute the logarithm (B, K) of the mean over S of the softmax of votes (B, S, K)."""
    each = votes.float().log_softmax(-1)
    return each.logsumexp(1) - torch.log(torch.tensor(float(votes.shape[1])))
