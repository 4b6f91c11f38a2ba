"""LRCN: an LSTM on frame vectors that votes at every frame (Donahue et al., CVPR 2015)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from selfvid.backbones.layered import checked_dropout
from selfvid.encoders.base import load_encoder
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.errors import InputError
from selfvid.heads.base import (
    Head,
    averaged,
    first_state,
    initialised,
    without_maps,
)
from selfvid.pictures import gates
from selfvid.recurrent import PeepholeLSTM, PeepholeLSTMCell, State, gate_values
from selfvid.types import Features, Prediction, Widths


class LRCN(Head):
    """Dropout, LSTM, dropout, a linear layer and a softmax at each step; their average decides.

    The released networks drop 0.9 of fc6 before the LSTM of 256 units and half of its outputs
    after it; the paper found 1024 units best for flow. The LSTM has no peepholes unless it
    starts from one that has.

    Args:
        widths: D of the encoder's steps.
        classes: K.
        hidden: units of each layer.
        layers: how many lie on top of one another.
        dropout_before: share dropped of what the LSTM reads.
        dropout_after: share dropped of what it puts out.
        start: run or folder of a pretrained `LSTMEncoder` whose LSTM this one starts as; its
            vectors must be as wide as the encoder's steps.
        bound: weights start uniformly between -bound and bound; None depends on the fan-in.

    Raises:
        InputError: where the encoder has no steps, a dropout is no share, or `start` does not
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
        bound: float | None = 0.01,
    ) -> None:
        super().__init__(widths, classes)
        inputs = widths.need_steps("LRCN")
        self.before = checked_dropout("dropout_before", dropout_before)
        self.after = checked_dropout("dropout_after", dropout_after)
        if start is None:
            self.lstm = PeepholeLSTM(inputs, hidden, layers=layers, peepholes=False, bound=bound)
        else:
            self.lstm = _pretrained(Path(start), inputs=inputs, hidden=hidden, layers=layers)
        self.last = initialised(nn.Linear(hidden, classes), 0.01)

    def forward(self, features: Features, state: State | None = None) -> Prediction:
        """A vote at each step; `state` is the LSTM's, to carry on with."""
        steps = features.need_steps("LRCN")
        outputs, after = self.lstm(self.before(steps), first_state(state, steps))
        votes: Tensor = self.last(self.after(outputs))
        return Prediction(votes, averaged(votes), after)

    def preview(self, features: Features, frames: Tensor) -> dict[str, Tensor]:
        """What the lowest layer's gates let in, keep and put out along one clip."""
        (cell, *_) = self.lstm.layers
        assert isinstance(cell, PeepholeLSTMCell)
        steps = features.need_steps("LRCN")
        values = gate_values(cell, steps)
        # A step that sees several frames stands under the last of them.
        seen = frames[-steps.shape[1] :]
        picture = gates(
            seen,
            {
                "forget gate: how much of the memory is kept (bright: all)": values.forget[0],
                "input gate: how much enters": values.input[0],
                "output gate: how much is put out": values.output[0],
            },
        )
        return {"gates": torch.from_numpy(picture.copy()).permute(2, 0, 1)}  # (3, H, W)

    def reads(self, features: Features) -> Features:
        """Vectors alone."""
        return without_maps(features)


def _pretrained(folder: Path, *, inputs: int, hidden: int, layers: int) -> PeepholeLSTM:
    encoder = load_encoder(folder)
    if not isinstance(encoder, LSTMEncoder):
        raise InputError(
            f"start {str(folder)!r} holds a {type(encoder).__name__}; expected an LSTMEncoder"
        )
    there = (encoder.vectors.width, encoder.hidden, encoder.layers)
    if there != (inputs, hidden, layers):
        raise InputError(
            f"start {str(folder)!r} has an LSTM of (inputs, hidden, layers) {there}; "
            f"expected {(inputs, hidden, layers)}"
        )
    lstm = PeepholeLSTM(inputs, hidden, layers=layers, peepholes=encoder.peepholes)
    lstm.cell.load_state_dict(encoder.lstm.state_dict())
    return lstm
