"""LRCN: an LSTM on frame vectors with a classifier at each frame (Donahue et al., CVPR 2015)."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from selfvid.backbones.layered import checked_dropout
from selfvid.encoders.base import load_encoder
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.vectors import Percepts, squashed
from selfvid.errors import InputError
from selfvid.heads.base import Head, averaged, first_state, initialised, without_maps
from selfvid.recurrent import PeepholeLSTM, State
from selfvid.saving.loading import is_loading
from selfvid.types import Features, Prediction, Widths

T = TypeVar("T")


class LRCN(Head):
    """Dropout, LSTM, dropout, a linear layer and a softmax at each step, averaged over the steps.

    The released networks have an LSTM of 256 units; they drop 0.9 of its inputs, which are fc6,
    and half of its outputs. The paper found 1024 units best for flow. The LSTM has peepholes only
    if it starts from a pretrained LSTM that has them.

    Args:
        widths: D of the encoder's steps.
        classes: K.
        hidden: units of each layer.
        layers: number of layers of the LSTM.
        dropout_before: share of the LSTM's inputs that is dropped in training.
        dropout_after: share of the LSTM's outputs that is dropped in training.
        start: run or folder of a pretrained `LSTMEncoder` with whose LSTM training starts. It must
            have read `Percepts`, vectors of a network, as wide as the encoder's steps.
        peepholes: whether the LSTM has peepholes; None means as `start`, and none without it.
        squash: as in `Percepts`, for an LSTM that was pretrained on vectors so mapped; None means
            as `start`, and no mapping without it.
        bound: weights are drawn uniformly from -bound to bound; with None the bound depends on
            the number of inputs (fan-in).

    Raises:
        InputError: If the encoder has no steps, a dropout is not a share, or `start` does not
            fit.
    """

    def __init__(
        self,
        widths: Widths,
        classes: int,
        *,
        hidden: int = 256,
        layers: int = 1,
        dropout_before: float = 0.9,
        dropout_after: float = 0.5,
        start: str | Path | None = None,
        peepholes: bool | None = None,
        squash: float | None = None,
        bound: float | None = 0.01,
    ) -> None:
        super().__init__(widths, classes)
        inputs = widths.need_steps("LRCN")
        self.before = checked_dropout("dropout_before", dropout_before)
        self.after = checked_dropout("dropout_after", dropout_after)
        if start is None or is_loading():  # a saved head has its own weights
            # Heads of earlier versions do not record it; LSTMs of pretraining have them by default.
            has_them = start is not None if peepholes is None else peepholes
            self.lstm = PeepholeLSTM(inputs, hidden, layers=layers, peepholes=has_them, bound=bound)
        else:
            encoder = _pretrained(Path(start), inputs, hidden, layers)
            percepts = encoder.vectors
            assert isinstance(percepts, Percepts)
            squash = _as_pretrained(start, "squash", squash, percepts.squash)
            peepholes = _as_pretrained(start, "peepholes", peepholes, encoder.peepholes)
            self.lstm = PeepholeLSTM(inputs, hidden, layers=layers, peepholes=peepholes)
            self.lstm.cell.load_state_dict(encoder.lstm.state_dict())
            self.construction |= {"peepholes": peepholes, "squash": squash}
        self.squash = squash
        self.last = initialised(nn.Linear(hidden, classes), 0.01)  # as in the released networks

    def forward(self, features: Features, state: State | None = None) -> Prediction:
        """Compute a vote at each step; `state` is the LSTM's state after the clips before."""
        steps = squashed(features.need_steps("LRCN"), self.squash)
        outputs, after = self.lstm(self.before(steps), first_state(state, steps))
        votes: Tensor = self.last(self.after(outputs))  # (B, S, K)
        return Prediction(votes, averaged(votes), after)

    def reads(self, features: Features) -> Features:
        """Return the features without maps and flow."""
        return without_maps(features)


def _pretrained(folder: Path, inputs: int, hidden: int, layers: int) -> LSTMEncoder:
    """Return the encoder in `folder`, after checking that its LSTM fits."""
    encoder = load_encoder(folder)
    if not isinstance(encoder, LSTMEncoder):
        raise InputError(
            f"start {str(folder)!r} holds a {type(encoder).__name__}; expected an LSTMEncoder"
        )
    if not isinstance(encoder.vectors, Percepts):
        raise InputError(
            f"start {str(folder)!r} has an LSTM that read {type(encoder.vectors).__name__}, and "
            "LRCN reads vectors of a network; expected an LSTM that read Percepts"
        )
    found = (encoder.vectors.width, encoder.hidden, encoder.layers)
    if found != (inputs, hidden, layers):
        raise InputError(
            f"start {str(folder)!r} has an LSTM of (inputs, hidden, layers) {found}; "
            f"expected {(inputs, hidden, layers)}"
        )
    return encoder


def _as_pretrained(start: str | Path, name: str, given: T | None, pretrained: T) -> T:
    """Return the setting of the pretrained LSTM, which may be given too but not be another one."""
    if given is not None and given != pretrained:
        raise InputError(
            f"{name} is {given}, and the LSTM in start {str(start)!r} was pretrained with "
            f"{pretrained}; expected the same, or null"
        )
    return pretrained
