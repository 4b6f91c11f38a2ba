"""An LSTM on 3-D features: convolutions see short motion, the LSTM connects it over the clip.

After Baccouche, Mamalet, Wolf, Garcia and Baskurt, Sequential deep learning for human action
recognition, HBU 2011.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.layered import checked_dropout
from selfvid.errors import InputError
from selfvid.heads.base import Head, averaged, first_state, without_maps
from selfvid.recurrent import PeepholeLSTM, State
from selfvid.types import Features, Prediction, Widths


class Conv3dLSTM(Head):
    """An LSTM with peepholes along the steps and a softmax at each of them.

    Args:
        widths: D of the encoder's steps.
        classes: K.
        hidden: units of the LSTM.
        decide: how steps become one result for the clip. ``mean`` averages the probabilities of
            the steps; with ``majority``, the probability of a class is the share of steps in
            which it is the most likely class.
        dropout: share of the LSTM's outputs that is dropped in training.

    Raises:
        InputError: If the encoder has no steps, or an argument is invalid.
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
        """Compute a vote at each step; `state` is the LSTM's state after the clips before."""
        steps = features.need_steps("Conv3dLSTM")
        outputs, after = self.lstm(steps, first_state(state, steps))
        votes: Tensor = self.last(self.dropout(outputs))  # (B, S, K)
        if self.decide == "mean":
            return Prediction(votes, averaged(votes), after)
        each = functional.one_hot(votes.argmax(-1), self.classes).float()  # (B, S, K)
        return Prediction(votes, each.mean(1), after)

    def reads(self, features: Features) -> Features:
        """Return the features without maps and flow."""
        return without_maps(features)
