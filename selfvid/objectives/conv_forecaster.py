"""Stacked ConvLSTM: watch some frames, then draw those that come.

Shi et al., Convolutional LSTM Network: A Machine Learning Approach for Precipitation Nowcasting,
NeurIPS 2015, arXiv:1506.04214; and the ConvLSTM of OpenSTL (Tan et al., NeurIPS 2023,
arXiv:2306.11249).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from selfvid.encoders.conv_lstm import ConvLSTMEncoder
from selfvid.encoders.input import PixelInput
from selfvid.errors import InputError
from selfvid.objectives.frame_loss import (
    FrameLoss,
    activated,
    check_tiling,
    loss_of_raw,
    tiling_stride,
    true_colours,
)
from selfvid.objectives.lstm_autoencoder import OwnFrames
from selfvid.objectives.predictive import Forecast, Predictive
from selfvid.recurrent import ConvLSTM, State, unroll, unroll_free
from selfvid.types import Losses


class ConvForecaster(Predictive):
    """The encoder's memory is handed to layers that go on without seeing, frame by frame.

    ::

        clip        a b c d e f          future = 2
        shown       a b c d
        forecaster          d e'         what each of its steps takes in
        predicted           e'f'         and puts out, by a 1x1 convolution

    In a forecast each step takes in what the one before put out; in training that or the true
    frame, as `own` says.

    The loss is summed over pixels, frames and sequences; the named parts are per frame.

    Args:
        encoder: what is learnt; a backbone without weights (`PatchNet`) leaves all to the memory.
        future: frames at the end of the clip that are predicted.
        shared: whether the encoder's own cells go on forecasting, as in OpenSTL; they then learn
            to put out the next frame after each shown one too. Otherwise the forecaster has cells
            of its own, which begin with the encoder's state, as in Shi et al.
        loss: between predicted and true frames, both in 0..1.
        own: how often a step takes in its own prediction in training.

    Raises:
        InputError: where future is not positive, the encoder's input or backbone do not do, or
            cells without memory are to be shared.
    """

    encoder: ConvLSTMEncoder

    def __init__(
        self,
        encoder: ConvLSTMEncoder,
        *,
        future: int = 10,
        shared: bool = False,
        loss: FrameLoss = "squared_error",
        own: OwnFrames = OwnFrames(share=1.0),
    ) -> None:
        super().__init__()
        self.stride = tiling_stride(encoder, "ConvForecaster")
        if future < 1:
            raise InputError(f"future must be at least 1, got {future}")
        if shared and not encoder.memory:
            raise InputError("shared cells need an encoder with memory, got memory false")
        self.encoder, self.future, self.loss, self.own = encoder, future, loss, own
        self.shared = shared
        # Shared cells forecast with the last shown frame, so the encoder proper needs one before.
        self.least_steps = future + 1 + shared
        again = encoder.lstm.construction | {"untied_first": False}
        self.cells = None if shared else ConvLSTM(**again)
        self.readout = nn.Sequential(
            nn.Conv2d(encoder.hidden, encoder.backbone.channels * self.stride**2, 1),
            nn.PixelShuffle(self.stride),
        )
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    updates: Tensor

    def forward(self, clip: Tensor) -> Losses:
        """Summed loss of clips (B, T, 3, H, W); its parts `future`, and `next` where shared.

        Raises:
            InputError: where clips differ in length, or the backbone's stride does not divide
                their size.
        """
        truth = true_colours(self.encoder, clip)
        known, ahead = truth[:, -self.future - 1 : -1], truth[:, -self.future :]
        outputs, state = self._watch(clip[:, : -self.future])
        raw = self._go_on(state, known, steps=self.future, own=self._share())
        each = {"future": loss_of_raw(raw, ahead, self.loss)}
        if self.shared:
            after = truth[:, 1 : -self.future]
            each["next"] = loss_of_raw(self._read(outputs), after, self.loss)
        total = torch.stack([errors.sum() for errors in each.values()]).sum()
        return Losses(total, {name: errors.mean() for name, errors in each.items()})

    def check_size(self, height: int, width: int) -> None:
        """Refuse frames that the places of the memory do not tile."""
        check_tiling(height, width, stride=self.stride)

    def forecast(self, clip: Tensor, *, future: int | None = None) -> Forecast:
        """A free run behind the frames that are shown; see `Predictive`."""
        steps = self.future if future is None else future
        least = 2 if self.shared else 1
        if not 0 < steps <= clip.shape[1] - least:
            raise InputError(
                f"clips have {clip.shape[1]} frames and {steps} are to be predicted; "
                f"expected at least {least} to be shown"
            )
        truth = true_colours(self.encoder, clip)
        _, state = self._watch(clip[:, :-steps])
        raw = self._go_on(state, truth[:, -steps - 1, None], steps=steps, own=1.0)
        return Forecast(truth, activated(raw.float(), self.loss), free=True)

    def _watch(self, clip: Tensor) -> tuple[Tensor, State]:
        """Outputs (B, S, D, h, w) and state to go on from; shared cells leave the last frame."""
        self.check_size(*clip.shape[-2:])
        features, state = self.encoder.remember(clip[:, :-1] if self.shared else clip)
        return features.need_maps("ConvForecaster")[-1], state

    def _go_on(self, state: State, known: Tensor, *, steps: int, own: float) -> Tensor:
        """Raw frames (B, F, C, H, W), the first of them after true frame known[:, 0].

        Args:
            state: of the cells.
            known: the true frame before each of the F, (B, F, C, H, W); where `own` is 1 none
                but the first is looked at.
            steps: F.
            own: chance that a step takes in its own prediction instead.
        """
        cells = (self.cells or self.encoder.lstm).cell
        if not own:
            return self._read(unroll(cells, self._maps(known), state)[0])

        def taken_in(time: int, output: Tensor | None) -> Tensor:
            if output is None:
                return self._maps(known[:, :1])[:, 0]
            frame = activated(output, self.loss)
            if own < 1:
                mine = torch.rand(len(frame), 1, 1, 1, device=frame.device) < own
                frame = torch.where(mine, frame, known[:, time].to(frame.dtype))
            return self._maps(frame[:, None])[:, 0]

        raw, _ = unroll_free(cells, state, steps=steps, feedback=taken_in, readout=self.readout)
        return raw

    def _maps(self, frames: Tensor) -> Tensor:
        """The backbone's last map (B, F, C', h, w) of frames (B, F, C, H, W) in 0..1."""
        assert isinstance(self.encoder.input, PixelInput)
        pixels = self.encoder.input.normalised(frames).flatten(0, 1)
        return self.encoder.backbone(pixels).maps[-1].unflatten(0, frames.shape[:2])

    def _read(self, outputs: Tensor) -> Tensor:
        return self.readout(outputs.flatten(0, 1)).unflatten(0, outputs.shape[:2])

    def _share(self) -> float:
        """Chance of own predictions in this update; in use there is nothing else."""
        if not self.training:
            return 1.0
        share = self.own.at(int(self.updates))
        self.updates += 1
        return share
