"""Stacked ConvLSTM layers that are shown some frames of a clip and predict the following ones.

After Shi et al., Convolutional LSTM Network: A Machine Learning Approach for Precipitation
Nowcasting, NeurIPS 2015, arXiv:1506.04214, and the ConvLSTM of OpenSTL (Tan et al., NeurIPS 2023,
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
    """Recurrent layers that start with the encoder's memory and predict frame after frame.

    ::

        clip        a b c d e f          future = 2
        shown       a b c d
        forecaster          d e'         the input of each of its steps
        predicted           e'f'         the output of each step, by a 1x1 convolution

    In a forecast, the input of a step is the output of the step before. In training it is that
    or the true frame; `own` sets how often.

    The loss is summed over pixels, frames and sequences; the named parts are means per frame.

    Args:
        encoder: the encoder to train. With a backbone without weights (`PatchNet`), only the
            recurrent layers are trained.
        future: number of frames at the end of the clip that are predicted.
        shared: whether the encoder's own cells make the forecast, as in OpenSTL; they are then
            also trained to predict the next frame after each shown one. If False, the forecaster
            has cells of its own, which start with the encoder's state, as in Shi et al.
        loss: the loss between predicted and true frames, both in 0..1.
        own: how often the input of a step is its own prediction in training.

    Raises:
        InputError: If future is not positive, the encoder's input or backbone does not fit, or
            cells without memory are to be shared.
    """

    encoder: ConvLSTMEncoder
    updates: Tensor

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
        # Shared cells make the forecast from the last shown frame, so the encoder itself needs at
        # least one more frame before it.
        self.least_steps = future + 1 + shared
        again = encoder.lstm.construction | {"untied_first": False}
        self.cells = None if shared else ConvLSTM(**again)
        self.readout = nn.Sequential(
            nn.Conv2d(encoder.hidden, encoder.backbone.channels * self.stride**2, 1),
            nn.PixelShuffle(self.stride),
        )
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def forward(self, clip: Tensor) -> Losses:
        """Compute the summed loss of clips (B, T, 3, H, W).

        The parts are `future`, the predicted frames at the end of the clip, and with shared
        cells `next`, the predictions after the shown frames.

        Raises:
            InputError: If the backbone's stride does not divide H and W.
        """
        truth = true_colours(self.encoder, clip)  # (B, T, C, H, W)
        before, ahead = truth[:, -self.future - 1 : -1], truth[:, -self.future :]
        outputs, state = self._encode(clip[:, : -self.future])
        raw = self._predict(state, before, steps=self.future, own=self._own_share())
        each = {"future": loss_of_raw(raw, ahead, self.loss)}
        if self.shared:
            following = truth[:, 1 : -self.future]
            each["next"] = loss_of_raw(self._frames(outputs), following, self.loss)
        total = torch.stack([errors.sum() for errors in each.values()]).sum()
        return Losses(total, {name: errors.mean() for name, errors in each.items()})

    def check_size(self, height: int, width: int) -> None:
        """Check that the places of the memory tile the frame."""
        check_tiling(height, width, stride=self.stride)

    def forecast(self, clip: Tensor, *, future: int | None = None) -> Forecast:
        """Predict the last frames in a free run after the shown ones; see `Predictive`."""
        steps = self.future if future is None else future
        least = 2 if self.shared else 1
        if not 0 < steps <= clip.shape[1] - least:
            raise InputError(
                f"clips have {clip.shape[1]} frames and {steps} are to be predicted; "
                f"expected at least {least} to be shown"
            )
        truth = true_colours(self.encoder, clip)
        _, state = self._encode(clip[:, :-steps])
        raw = self._predict(state, truth[:, -steps - 1, None], steps=steps)
        return Forecast(truth, activated(raw, self.loss), free=True)

    def _encode(self, clip: Tensor) -> tuple[Tensor, State]:
        """Compute the encoder's outputs (B, S, D, h, w) and the state that a forecast starts with.

        With shared cells the last frame is left out: it is the input of the forecast's first step.
        """
        self.check_size(*clip.shape[-2:])
        features, state = self.encoder.remember(clip[:, :-1] if self.shared else clip)
        return features.need_maps("ConvForecaster")[-1], state

    def _predict(
        self, state: State, before: Tensor, *, steps: int, own: Tensor | None = None
    ) -> Tensor:
        """Predict raw frames (B, F, C, H, W), the first of which follows before[:, 0].

        Args:
            state: the state that the cells start with.
            before: the true frame before each of the F frames, (B, F, C, H, W); only the first
                is used in a free run.
            steps: F.
            own: probability that the input of a step is its own prediction, not the true frame;
                None is a free run.
        """
        cells = (self.cells or self.encoder.lstm).cell
        if own is not None and not self.own.share:
            return self._frames(unroll(cells, self._maps(before), state)[0])

        def next_input(time: int, output: Tensor | None) -> Tensor:
            if output is None:
                return self._maps(before[:, :1])[:, 0]  # (B, C', h, w)
            frame = activated(output, self.loss)
            if own is not None:
                use_own = torch.rand(len(frame), 1, 1, 1, device=frame.device) < own
                frame = torch.where(use_own, frame, before[:, time].to(frame.dtype))
            return self._maps(frame[:, None])[:, 0]  # (B, C', h, w)

        raw, _ = unroll_free(cells, state, steps=steps, feedback=next_input, readout=self.readout)
        return raw

    def _maps(self, frames: Tensor) -> Tensor:
        """Compute the backbone's last map (B, F, C', h, w) of frames (B, F, C, H, W) in 0..1."""
        assert isinstance(self.encoder.input, PixelInput)
        pixels = self.encoder.input.normalised(frames).flatten(0, 1)  # (B F, C, H, W)
        return self.encoder.backbone(pixels).maps[-1].unflatten(0, frames.shape[:2])

    def _frames(self, outputs: Tensor) -> Tensor:
        """Compute raw frames (B, F, C, H, W) from the cells' outputs (B, F, D, h, w)."""
        return self.readout(outputs.flatten(0, 1)).unflatten(0, outputs.shape[:2])

    def _own_share(self) -> Tensor | None:
        """Return the probability of own predictions in this update; None outside of training."""
        if not self.training:
            return None
        share = self.own.at(self.updates)
        self.updates += 1
        return share
