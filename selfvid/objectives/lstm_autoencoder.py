"""LSTM encoder-decoder: reconstruct what was seen, predict what comes.

Srivastava, Mansimov and Salakhutdinov, Unsupervised Learning of Video Representations using
LSTMs, ICML 2015, arXiv:1502.04681.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from selfvid.encoders.lstm import LSTMEncoder, stacked_lstm
from selfvid.encoders.vectors import Percepts
from selfvid.errors import InputError
from selfvid.objectives.frame_loss import FrameLoss, activated, loss_of_raw
from selfvid.objectives.predictive import PREVIEWED, Forecast, Predictive
from selfvid.recurrent import State, unroll, unroll_free
from selfvid.types import Losses


@dataclass(frozen=True)
class OwnFrames:
    """Scheduled sampling (Bengio et al. 2015): how often a decoder is fed its own output.

    Attributes:
        share: of the steps, once the ramp is over; the rest is fed the true frame.
        ramp: updates over which the share rises from 0.
    """

    share: float = 0.0
    ramp: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or self.ramp < 0:
            raise InputError(
                f"own frames: share {self.share} and ramp {self.ramp}; expected a share in 0..1 "
                "and a ramp of 0 or more updates"
            )

    def at(self, update: int) -> float:
        """The share at an update."""
        return self.share * min(1.0, (update + 1) / (self.ramp + 1))


class Decoder(nn.Module):
    """An LSTM that begins with the encoder's state and puts out frame vectors.

    Unconditional, it has no input at all. Conditional, step 0 has no input and each later step
    takes the frame before: the true one, or its own output.
    """

    def __init__(self, encoder: LSTMEncoder, *, conditional: bool, loss: FrameLoss) -> None:
        super().__init__()
        self.conditional = conditional
        self.loss = loss
        self.lstm = stacked_lstm(
            encoder.vectors.width if conditional else 0,
            encoder.hidden,
            layers=encoder.layers,
            peepholes=encoder.peepholes,
            bound=encoder.bound,
        )
        self.readout = nn.Linear(encoder.hidden, encoder.vectors.width)

    def forward(self, state: State, *, steps: int) -> Tensor:
        """Raw frames (N, F, D) in a free run; `activated` makes predictions of them."""
        if not self.conditional:
            return self.readout(unroll_free(self.lstm, state, steps=steps)[0])
        return self.fed(state, steps=steps, truth=None, own=1.0)

    def teacher_forced(self, state: State, truth: Tensor) -> Tensor:
        """Raw frames (N, F, D), each step fed the true frame before it (teacher forcing)."""
        if not self.conditional:
            return self.forward(state, steps=truth.shape[1])
        # The input of step 0 is zero, which is no input: what it adds to the gates is the bias.
        before = torch.cat((torch.zeros_like(truth[:, :1]), truth[:, :-1]), 1)
        return self.readout(unroll(self.lstm, before, state)[0])

    def fed(self, state: State, *, steps: int, truth: Tensor | None, own: float) -> Tensor:
        """Raw frames (N, F, D), each step of each sequence fed its own output with chance `own`."""

        def feedback(time: int, output: Tensor | None) -> Tensor | None:
            if output is None:
                return None
            frame = activated(output, self.loss)
            if truth is None or own >= 1:
                return frame
            mine = torch.rand(len(frame), 1, device=frame.device) < own
            return torch.where(mine, frame, truth[:, time - 1].to(frame.dtype))

        return unroll_free(self.lstm, state, steps=steps, feedback=feedback, readout=self.readout)[
            0
        ]


class LSTMAutoencoder(Predictive):
    """One encoder and up to two decoders, which begin with its final state.

    ::

        clip          a b c d e f           future = 2
        shown         a b c d
        reconstructed d c b a               backwards, as the paper found easier
        predicted             e f

    With `reconstruct` alone this is the paper's autoencoder, with `future` alone its future
    predictor, with both its composite model. In training a conditional decoder is fed the true
    frame before, in a forecast the future decoder its own output; teacher forcing is where such
    models fail in use, so `own` feeds it its own output while training already. A conditional
    reconstruction is always fed true frames, as in the authors' code.

    The loss is summed over pixels, frames and sequences, as the authors' gradients are; the named
    parts are per frame. The sum of squares is without their factor one half.

    Args:
        encoder: what is learnt.
        reconstruct: whether there is a decoder for the frames that were shown.
        future: frames at the end of the clip that a second decoder predicts; 0 for none.
        conditional_reconstruction: whether that decoder sees the frame before.
        conditional_future: likewise.
        loss: ``cross_entropy`` takes values in 0..1 for probabilities; ``squared_error`` is for
            everything else.
        own: how often the future decoder is fed its own output while training.

    Raises:
        InputError: where there is no decoder, cross-entropy is asked of values outside 0..1, or
            `own` without a decoder that is fed.
    """

    encoder: LSTMEncoder

    def __init__(
        self,
        encoder: LSTMEncoder,
        *,
        reconstruct: bool = True,
        future: int = 10,
        conditional_reconstruction: bool = False,
        conditional_future: bool = False,
        loss: FrameLoss = "cross_entropy",
        own: OwnFrames = OwnFrames(),
    ) -> None:
        super().__init__()
        _check(encoder, reconstruct, future, conditional_future, loss, own)
        self.encoder = encoder
        self.future, self.loss, self.own = future, loss, own
        self.least_steps = future + 1
        self.reconstruction = (
            Decoder(encoder, conditional=conditional_reconstruction, loss=loss)
            if reconstruct
            else None
        )
        self.prediction = (
            Decoder(encoder, conditional=conditional_future, loss=loss) if future else None
        )
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.goal: nn.Module | None = None
        self.begin()

    updates: Tensor

    def begin(self) -> None:
        """Keep percepts that will be trained as they are now, for targets.

        A network that chooses its own targets makes them easy: all the same.
        """
        vectors = self.encoder.vectors
        if isinstance(vectors, Percepts) and not vectors.frozen:
            self.goal = copy.deepcopy(vectors).requires_grad_(False).eval()

    def forward(self, clip: Tensor) -> Losses:
        """Summed loss of clips (B, T, 3, H, W); its parts in nats or squared error per frame.

        Raises:
            InputError: where clips differ in length.
        """
        vectors = self.encoder.vectors(clip).flatten(0, 1)
        goal = vectors if self.goal is None else self._goal(clip)
        seen = vectors.shape[1] - self.future
        _, state = self.encoder.run(vectors[:, :seen])
        sums: dict[str, Tensor] = {}
        if self.reconstruction is not None:
            backwards = goal[:, :seen].flip(1)
            raw = self.reconstruction.teacher_forced(state, backwards)
            sums["reconstruction"] = loss_of_raw(raw, backwards, self.loss)
        if self.prediction is not None:
            ahead = goal[:, seen:]
            sums["future"] = loss_of_raw(self._predicted(state, ahead), ahead, self.loss)
        total = torch.stack([each.sum() for each in sums.values()]).sum()
        return Losses(total, {name: each.mean() for name, each in sums.items()})

    def forecast(self, clip: Tensor, *, future: int | None = None) -> Forecast:
        """A free run behind the frames that are shown; see `Predictive`."""
        if self.prediction is None:
            raise InputError(
                "this LSTMAutoencoder reconstructs only; expected one with a future, or "
                "reconstruct true"
            )
        steps = self.future if future is None else future
        goal = self._goal(clip)
        if not 0 < steps < goal.shape[1]:
            raise InputError(
                f"clips give {goal.shape[1]} frame vectors and {steps} are to be predicted; "
                "expected at least one to be shown"
            )
        vectors = self.encoder.vectors(clip).flatten(0, 1)[:, :-steps]
        _, state = self.encoder.run(vectors)
        predicted = activated(self.prediction(state, steps=steps), self.loss)
        return Forecast(self._shaped(goal), self._shaped(predicted), free=True)

    def reconstructed(self, clip: Tensor) -> Forecast:
        """A free run back over the frames that are shown; see `Predictive`."""
        if self.reconstruction is None:
            raise InputError("this LSTMAutoencoder predicts only; expected one with reconstruct")
        shown = self.encoder.vectors(clip).flatten(0, 1)
        goal = shown if self.goal is None else self._goal(clip)
        seen = shown.shape[1] - self.future
        _, state = self.encoder.run(shown[:, :seen])
        made = activated(self.reconstruction(state, steps=seen), self.loss)
        mirrored = torch.cat((goal[:, :seen], goal[:, :seen].flip(1)), 1)
        return Forecast(self._shaped(mirrored), self._shaped(made), free=True, backwards=True)

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        """What is predicted, and what is reconstructed, beside the true frames."""
        if self.encoder.vectors.picture_shape is None:
            return {}
        pictures = super().preview(clip) if self.prediction is not None else {}
        if self.reconstruction is not None:
            shown = self._goal(clip[:PREVIEWED])
            shown = shown[:, : shown.shape[1] - self.future]
            _, state = self.encoder.run(shown)
            raw = self.reconstruction.teacher_forced(state, shown.flip(1)).flip(1)
            made = self._shaped(activated(raw, self.loss))
            pictures["reconstruction"] = self.strip(self._shaped(shown), made)
        return pictures

    def visible(self, frames: Tensor) -> Tensor:
        """As the frame vectors say: differences are shown around grey."""
        return self.encoder.vectors.picture(frames.flatten(1))

    def _predicted(self, state: State, ahead: Tensor) -> Tensor:
        assert self.prediction is not None
        if not self.training:
            return self.prediction(state, steps=ahead.shape[1])
        own = self.own.at(int(self.updates)) if self.own.share else 0.0
        self.updates += 1
        if not own:
            return self.prediction.teacher_forced(state, ahead)
        return self.prediction.fed(state, steps=ahead.shape[1], truth=ahead, own=own)

    @torch.no_grad()
    def _goal(self, clip: Tensor) -> Tensor:
        vectors: Tensor = (self.goal or self.encoder.vectors)(clip)
        return vectors.flatten(0, 1)

    def _shaped(self, vectors: Tensor) -> Tensor:
        shape = self.encoder.vectors.picture_shape
        return vectors if shape is None else vectors.unflatten(2, shape)


def _check(
    encoder: LSTMEncoder,
    reconstruct: bool,
    future: int,
    conditional_future: bool,
    loss: FrameLoss,
    own: OwnFrames,
) -> None:
    if future < 0 or not (reconstruct or future):
        raise InputError(
            f"future is {future} and reconstruct {reconstruct}; expected at least one decoder"
        )
    if loss == "cross_entropy" and not encoder.vectors.unit:
        raise InputError(
            f"cross_entropy takes values in 0..1, which {type(encoder.vectors).__name__} does not "
            "give; expected loss squared_error"
        )
    if own.share and not (future and conditional_future):
        raise InputError(
            f"own is {own.share} but there is no conditional future decoder to feed its outputs "
            "back to; expected conditional_future true"
        )
