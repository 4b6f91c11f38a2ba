"""Single frames: each step is classified on its own, and the probabilities are averaged.

This is the single-frame baseline of Donahue et al. (2015) and each stream of Simonyan and Zisserman
(2014). Its result does not depend on the order of the frames.
"""

from __future__ import annotations

from torch import Tensor, nn

from selfvid.backbones.layered import checked_dropout
from selfvid.heads.base import Head, averaged, voting_vectors, voting_width, without_maps
from selfvid.recurrent import State
from selfvid.types import Features, Prediction, Widths


class Average(Head):
    """A linear layer and a softmax on each step vector, averaged over the steps.

    If the encoder has no steps, the clip vector is the only step.

    Args:
        widths: D of the encoder.
        classes: K.
        dropout: share of the vector's elements that is dropped in training.

    Raises:
        InputError: If the dropout is not a share.
    """

    def __init__(self, widths: Widths, classes: int, *, dropout: float = 0.0) -> None:
        super().__init__(widths, classes)
        self.dropout = checked_dropout("dropout", dropout)
        self.last = nn.Linear(voting_width(widths), classes)

    def forward(self, features: Features, state: State | None = None) -> Prediction:
        """Compute a vote of each step; there is no state."""
        del state
        votes: Tensor = self.last(self.dropout(voting_vectors(features)))  # (B, S, K)
        return Prediction(votes, averaged(votes))

    def reads(self, features: Features) -> Features:
        """Return the features without maps and flow."""
        return without_maps(features)
