"""LSTM encoder-decoder that reconstructs the shown frames and predicts the following ones.

After Srivastava, Mansimov and Salakhutdinov, Unsupervised Learning of Video Representations using
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
    """Scheduled sampling (Bengio et al. 2015): how often a decoder's input is its own output.

    Attributes:
        share: share of steps whose input is the decoder's own output, after the ramp. The input
            of the other steps is the true frame.
        ramp: number of updates over which the share rises from 0.
    """

    share: float = 0.0
    ramp: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or self.ramp < 0:
            raise InputError(
                f"own frames: share {self.share} and ramp {self.ramp}; expected a share in 0..1 "
                "and a ramp of 0 or more updates"
            )

    def at(self, update: Tensor) -> Tensor:
        """Return the share () at an update (), counted from 0.

        It stays a tensor: a compiled objective would be compiled anew for every number.
        """
        return self.share * ((update + 1) / (self.ramp + 1)).clamp(max=1.0)


class Decoder(nn.Module):
    """An LSTM that starts with the encoder's state and puts out frame vectors.

    An unconditional decoder has no input. In a conditional decoder, step 0 has no input and the
    input of each later step is the frame before: the true frame, or the decoder's own output.
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
        """Compute raw frames (N, F, D) in a free run; `activated` turns them into predictions."""
        if not self.conditional:
            return self.readout(unroll_free(self.lstm, state, steps=steps)[0])
        return self.fed(state, steps=steps)

    def teacher_forced(self, state: State, truth: Tensor) -> Tensor:
        """Compute raw frames (N, F, D) with true frames (N, F, D) as inputs (teacher forcing)."""
        if not self.conditional:
            return self.forward(state, steps=truth.shape[1])
        # Step 0 has no input, which is the same as an input of zeros: only the bias is added.
        before = torch.cat((torch.zeros_like(truth[:, :1]), truth[:, :-1]), 1)
        return self.readout(unroll(self.lstm, before, state)[0])

    def fed(
        self,
        state: State,
        *,
        steps: int,
        truth: Tensor | None = None,
        own: Tensor | float = 1.0,
    ) -> Tensor:
        """Compute raw frames (N, F, D) with own outputs or true frames as inputs.

        Args:
            state: the state that the decoder starts with.
            steps: F.
            truth: the true frames, (N, F, D); None uses own outputs only.
            own: probability of the own output, drawn for each step of each sequence.
        """

        def feedback(time: int, output: Tensor | None) -> Tensor | None:
            if output is None:
                return None
            frame = activated(output, self.loss)
            if truth is None:
                return frame
            use_own = torch.rand(len(frame), 1, device=frame.device) < own
            return torch.where(use_own, frame, truth[:, time - 1].to(frame.dtype))

        raw, _ = unroll_free(self.lstm, state, steps=steps, feedback=feedback, readout=self.readout)
        return raw


class LSTMAutoencoder(Predictive):
    """One encoder and up to two decoders, which start with its final state.

    ::

        clip          a b c d e f           future = 2
        shown         a b c d
        reconstructed d c b a               in reverse order, which the paper found easier
        predicted             e f

    With `reconstruct` alone this is the paper's autoencoder, with `future` alone its future
    predictor, with both its composite model. In training, the input of a conditional decoder is
    the true frame before (teacher forcing); in a forecast it is the decoder's own output. Models
    that were trained with true frames only often fail at that, so `own` makes the future decoder
    use its own output during training already. The input of a conditional reconstruction in
    training is always the true frame, as in the authors' code.

    The loss is summed over pixels, frames and sequences, as the authors' gradients are; the named
    parts are means per frame. Squared error is without the authors' factor one half.

    Args:
        encoder: the encoder to train.
        reconstruct: whether a decoder reconstructs the frames that were shown.
        future: number of frames at the end of the clip that a second decoder predicts; 0 for no
            such decoder.
        conditional_reconstruction: whether the first decoder takes the frame before as input.
        conditional_future: whether the second decoder takes the frame before as input.
        loss: ``cross_entropy`` takes values in 0..1 as probabilities; ``squared_error`` is for
            all other values.
        own: how often the input of the future decoder is its own output in training.

    Raises:
        InputError: If there is no decoder, if cross-entropy is combined with values outside of
            0..1, or `own` with a future decoder that has no input.
    """

    encoder: LSTMEncoder
    updates: Tensor

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

    def begin(self) -> None:
        """Keep a copy of percepts that will be trained, to compute the targets with.

        Percepts are the vectors that a network computes of frames. If the targets came from the
        network that is trained, it would learn to make all of them the same.
        """
        vectors = self.encoder.vectors
        if isinstance(vectors, Percepts) and not vectors.frozen:
            self.goal = copy.deepcopy(vectors).requires_grad_(False).eval()

    def forward(self, clip: Tensor) -> Losses:
        """Compute the summed loss of clips (B, T, 3, H, W).

        The parts are `reconstruction` and `future`, in nats or squared error per frame.
        """
        vectors = self.encoder.vectors(clip).flatten(0, 1)  # (N, T, D)
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
        """Predict the last frames in a free run after the shown ones; see `Predictive`."""
        if self.prediction is None:
            raise InputError(
                "this LSTMAutoencoder reconstructs only and predicts no future frames; expected "
                "one with a future of 1 or more"
            )
        steps = self.future if future is None else future
        goal = self._goal(clip)
        if not 0 < steps < goal.shape[1]:
            raise InputError(
                f"clips give {goal.shape[1]} frame vectors and {steps} are to be predicted; "
                "expected at least one to be shown"
            )
        vectors = self.encoder.vectors(clip).flatten(0, 1)[:, :-steps]  # (N, T - F, D)
        _, state = self.encoder.run(vectors)
        predicted = activated(self.prediction(state, steps=steps), self.loss)
        return Forecast(self._shaped(goal), self._shaped(predicted), free=True)

    def reconstructed(self, clip: Tensor) -> Forecast:
        """Reconstruct the shown frames in a free run, last first; see `Predictive`."""
        if self.reconstruction is None:
            raise InputError(
                "this LSTMAutoencoder predicts only; expected one with reconstruct true"
            )
        shown = self.encoder.vectors(clip).flatten(0, 1)
        goal = shown if self.goal is None else self._goal(clip)
        seen = shown.shape[1] - self.future
        _, state = self.encoder.run(shown[:, :seen])
        made = activated(self.reconstruction(state, steps=seen), self.loss)
        mirrored = torch.cat((goal[:, :seen], goal[:, :seen].flip(1)), 1)  # (N, 2 seen, D)
        return Forecast(self._shaped(mirrored), self._shaped(made), free=True, backwards=True)

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        """Return pictures of predicted and of reconstructed frames below the true ones."""
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
        """Convert frame vectors to pictures in 0..1, with a difference of 0 as grey."""
        return self.encoder.vectors.picture(frames.flatten(1))

    def _predicted(self, state: State, ahead: Tensor) -> Tensor:
        """Compute raw frames (N, F, D): in training as `own` says, otherwise in a free run."""
        assert self.prediction is not None
        if not self.training:
            return self.prediction(state, steps=ahead.shape[1])
        own = self.own.at(self.updates)
        self.updates += 1
        if not self.own.share:
            return self.prediction.teacher_forced(state, ahead)
        return self.prediction.fed(state, steps=ahead.shape[1], truth=ahead, own=own)

    @torch.no_grad()
    def _goal(self, clip: Tensor) -> Tensor:
        """Compute the targets (N, T, D) of clips, without gradient."""
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
            f"own is {own.share} but there is no conditional future decoder, which would take its "
            "own outputs; expected conditional_future true"
        )
