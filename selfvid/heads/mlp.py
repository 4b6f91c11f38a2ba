"""One hidden layer: the dense layers N1 and N2 of Baccouche et al. (HBU 2011)."""

from __future__ import annotations

from torch import Tensor, nn

from selfvid.backbones.layered import checked_dropout
from selfvid.errors import InputError
from selfvid.heads.base import (
    Head,
    averaged,
    voting_vectors,
    voting_width,
    without_maps,
)
from selfvid.recurrent import State
from selfvid.types import Features, Prediction, Widths


class MLP(Head):
    """A hidden layer with tanh and a softmax at each step, averaged.

    Args:
        widths: D of the encoder.
        classes: K.
        hidden: units of the hidden layer.
        dropout: share of the hidden units that is dropped in training.

    Raises:
        InputError: where there are no hidden units, or the dropout is no share.
    """

    def __init__(
        self, widths: Widths, classes: int, *, hidden: int = 50, dropout: float = 0.0
    ) -> None:
        super().__init__(widths, classes)
        if hidden < 1:
            raise InputError(f"hidden must be at least 1, got {hidden}")
        self.first = nn.Linear(voting_width(widths), hidden)
        self.dropout = checked_dropout("dropout", dropout)
        self.last = nn.Linear(hidden, classes)

    def forward(self, features: Features, state: State | None = None) -> Prediction:
        """A vote of each step; there is no state."""
        del state
        vectors = voting_vectors(features)
        votes: Tensor = self.last(self.dropout(self.first(vectors).tanh()))
        return Prediction(votes, averaged(votes))

    def reads(self, features: Features) -> Features:
        """Vectors alone."""
        return without_maps(features)
