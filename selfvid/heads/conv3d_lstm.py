"""3-D features, then an LSTM: motion near by to convolutions, far apart to memory.

After Baccouche, Mamalet, Wolf, Garcia and Baskurt, Sequential deep learning for human action
recognition, HBU 2011.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.layered import checked_dropout
from selfvid.errors import InputError
from selfvid.heads.base import (
    Head,
    averaged,
    first_state,
    without_maps,
)
from selfvid.recurrent import PeepholeLSTM, State
from selfvid.types import Features, Prediction, Widths


class Conv3dLSTM(Head):
    """An LSTM with peepholes along the steps, a softmax at each; all of them together decide.

    Args:
        widths: D of the encoder's steps.
        classes: K.
        hidden: units of the LSTM.
        decide: ``mean`` averages the steps' probabilities; ``majority`` takes the share of steps
            that hold a class for the likeliest.
        dropout: share of the LSTM's outputs that is dropped in training.

    Raises:
        InputError: where the encoder has no steps, or an argument cannot be.
    """

    def __init__(
        self,
        widths: Widths,
        classes: int,
        *,
        hidden: int = 50,
        decide: Literal["mean", "majority"] = "mean",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(widths, classes)
        if decide not in ("mean", "majority"):
            raise InputError(f"decide is {decide!r}; expected mean or majority")
        self.lstm = PeepholeLSTM(widths.need_steps("Conv3dLSTM"), hidden)
        self.dropout = checked_dropout("dropout", dropout)
        self.last = nn.Linear(hidden, classes)
        self.decide = decide

    def forward(self, features: Features, state: State | None = None) -> Prediction:
        """A vote at each step; `state` is the LSTM's, to carry on with."""
        steps = features.need_steps("Conv3dLSTM")
        outputs, after = self.lstm(steps, first_state(state, steps))
        votes: Tensor = self.last(self.dropout(outputs))
        if self.decide == "mean":
            return Prediction(votes, averaged(votes), after)
        each = functional.one_hot(votes.argmax(-1), self.classes).float()
        return Prediction(votes, each.mean(1), after)

    def reads(self, features: Features) -> Features:
        """Vectors alone."""
        return without_maps(features)
