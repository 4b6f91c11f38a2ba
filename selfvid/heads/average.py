"""Single frame: every step votes for itself, and the votes are averaged.

The baseline of Donahue et al. (2015) and the streams of Simonyan and Zisserman (2014): whatever
order frames come in, the answer is the same.
"""

from __future__ import annotations

from torch import Tensor, nn

from selfvid.backbones.layered import checked_dropout
from selfvid.heads.base import (
    Head,
    averaged,
    voting_vectors,
    voting_width,
    without_maps,
)
from selfvid.recurrent import State
from selfvid.types import Features, Prediction, Widths


class Average(Head):
    """Softmax of each step, averaged; of the clip vector where the encoder has no steps.

    Args:
        widths: D of the encoder.
        classes: K.
        dropout: share of the vector's elements that is dropped in training.

    Raises:
        InputError: where the dropout is no share.
    """

    def __init__(self, widths: Widths, classes: int, *, dropout: float = 0.0) -> None:
        super().__init__(widths, classes)
        self.dropout = checked_dropout("dropout", dropout)
        self.last = nn.Linear(voting_width(widths), classes)

    def forward(self, features: Features, state: State | None = None) -> Prediction:
        """A vote of each step; there is no state."""
        del state
        vectors = voting_vectors(features)
        votes: Tensor = self.last(self.dropout(vectors))
        return Prediction(votes, averaged(votes))

    def reads(self, features: Features) -> Features:
        """Vectors alone."""
        return without_maps(features)
