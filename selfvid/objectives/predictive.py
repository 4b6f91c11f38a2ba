"""Objectives that learn from what comes next."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from selfvid.errors import InputError
from selfvid.objectives.base import Objective
from selfvid.objectives.frame_loss import FrameLoss
from selfvid.pictures.flow import forecast as forecast_picture
from selfvid.saving.modules import holds_module, load_module, save_module

KIND = "objective"
PREVIEWED = 3


@dataclass(frozen=True, repr=False)
class Forecast:
    """What came, and what was predicted of it.

    ::

        frames     a b c d e f        T = 6, F = 2
        predicted          e'f'

    Attributes:
        frames: the true frames, or frame vectors, on the scale of the loss: (N, T, C, H, W) or
            (N, T, D).
        predicted: the last F of them as predicted, of the same shape but for time.
        free: whether only the first T - F frames were seen for all predictions (a free run); else
            each prediction has seen all true frames before it (one step ahead).
        backwards: whether the last F of `frames` are the first ones again, latest first: what was
            to be reconstructed, which is no forecast though it is made like one.
        flow: where the frame before each predicted one is to be looked up, backward flow in
            pixels of the frame, x then y, (N, F, 2, H, W); None where there is none.
    """

    frames: Tensor
    predicted: Tensor
    free: bool
    backwards: bool = False
    flow: Tensor | None = None

    @property
    def truth(self) -> Tensor:
        """What should have been predicted, (N, F, ...)."""
        return self.frames[:, -self.predicted.shape[1] :]

    @property
    def shown(self) -> Tensor:
        """What all predictions have seen, (N, T - F, ...)."""
        return self.frames[:, : -self.predicted.shape[1]]


class Predictive(Objective):
    """An objective that predicts frames, and is kept with its decoders for that.

    Attributes:
        loss: between predicted and true frames.
        future: F, frames at the end of a clip that are predicted and not shown to the encoder;
            0 where every frame is shown.
    """

    loss: FrameLoss
    future: int = 0

    @abstractmethod
    def forecast(self, clip: Tensor, *, future: int | None = None) -> Forecast:
        """Predict the last frames of clips (B, T, 3, H, W), pixels 0 to 255.

        Args:
            clip: whole clips, what is to be predicted among them.
            future: F; None takes as many as in training.

        Raises:
            InputError: where the clip is too short, or this objective predicts no future.
        """

    def reconstructed(self, clip: Tensor) -> Forecast:
        """The frames that the encoder is shown of clips (B, T, 3, H, W), latest first.

        Raises:
            InputError: where this objective reconstructs nothing.
        """
        del clip
        raise InputError(f"{type(self).__name__} reconstructs no frames; expected one that does")

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        """True frames above predicted ones of a few clips, and the flow where there is one."""
        forecast = self.forecast(clip[:PREVIEWED])
        if forecast.frames.ndim != 5:
            return {}
        return {"forecast": self.strip(forecast.frames, forecast.predicted, flow=forecast.flow)}

    def strip(self, frames: Tensor, predicted: Tensor, *, flow: Tensor | None = None) -> Tensor:
        """A picture, uint8 (3, H, W): frames (N, T, C, H, W) above the last F as predicted."""
        bands = [
            forecast_picture(
                to_bytes(self.visible(true)),
                to_bytes(self.visible(guess)),
                flow=None if flow is None else flow[number],
            )
            for number, (true, guess) in enumerate(zip(frames, predicted, strict=True))
        ]
        return torch.from_numpy(np.concatenate(bands)).permute(2, 0, 1)

    def visible(self, frames: Tensor) -> Tensor:
        """Frames (T, C, H, W) on the scale of the loss as pictures in 0..1."""
        return frames.clamp(0, 1)

    def shown(self, frames: int) -> int:
        """T that the encoder gets of a clip of `frames`."""
        return frames - self.future

    def save(self, folder: Path) -> Path:
        """Write it with its decoders to a new folder, as encoders are."""
        return save_module(self, folder, kind=KIND)


def to_bytes(frames: Tensor) -> Tensor:
    """Frames in 0..1 as uint8."""
    return (frames.float() * 255).round().to(torch.uint8)


def load_predictive(folder: str | Path) -> Predictive:
    """The predictive objective that a run left in its ``objective/``, in evaluation mode.

    Raises:
        InputError: where the run holds none.
    """
    run = Path(folder)
    for candidate in (run, run / KIND):
        if holds_module(candidate):
            # mypy takes an abstract class for one that shall be made.
            return load_module(candidate, kind=KIND, expected=Predictive)  # type: ignore[type-abstract]
    raise InputError(
        f"{str(folder)!r} holds no predictive objective; expected a finished run of one that "
        "predicts frames"
    )
