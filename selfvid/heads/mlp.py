"""A classifier with one hidden layer: the dense layers N1 and N2 of Baccouche et al. (HBU 2011)."""

from __future__ import annotations

from torch import Tensor, nn

from selfvid.backbones.layered import checked_dropout
from selfvid.errors import InputError
from selfvid.heads.base import Head, averaged, voting_vectors, voting_width, without_maps
from selfvid.recurrent import State
from selfvid.types import Features, Prediction, Widths


class MLP(Head):
    """A hidden layer with tanh and a softmax at each step, averaged over the steps.

    Args:
        widths: D of the encoder.
        classes: K.
        hidden: units of the hidden layer.
        dropout: share of the hidden units that is dropped in training.

    Raises:
        InputError: If there are no hidden units, or the dropout is not a share.
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
        """Compute a vote of each step; there is no state."""
        del state
        hidden = self.first(voting_vectors(features)).tanh()  # (B, S, hidden)
        votes: Tensor = self.last(self.dropout(hidden))  # (B, S, K)
        return Prediction(votes, averaged(votes))

    def reads(self, features: Features) -> Features:
        """Return the features without maps and flow."""
        return without_maps(features)
