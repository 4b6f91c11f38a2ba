"""The base class of objectives that predict frames, and their forecasts."""

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
PREVIEWED = 3  # clips in a picture; more would make it too high to be seen at once


@dataclass(frozen=True, repr=False)
class Forecast:
    """True frames of clips and the predictions of the last of them.

    ::

        frames     a b c d e f        T = 6, F = 2
        predicted          e'f'

    Attributes:
        frames: the true frames, or frame vectors, on the scale of the loss: (N, T, C, H, W) or
            (N, T, D).
        predicted: the predictions of the last F frames, (N, F, C, H, W) or (N, F, D).
        free: True if all predictions are made from the first T - F frames only (a free run);
            False if each prediction is made from all true frames before it (one step ahead).
        backwards: True for a reconstruction, which is made like a forecast: the last F of
            `frames` are then the first ones in reverse order.
        flow: the flow that a prediction was made with, (N, F, 2, H, W), or None. It is backward
            flow in pixels of the frame, x then y: pixel p of the predicted frame is taken from
            p + flow(p) of the frame before it.
    """

    frames: Tensor
    predicted: Tensor
    free: bool
    backwards: bool = False
    flow: Tensor | None = None

    @property
    def truth(self) -> Tensor:
        """The true frames that were to be predicted, (N, F, ...)."""
        return self.frames[:, -self.predicted.shape[1] :]

    @property
    def shown(self) -> Tensor:
        """The frames that all predictions are made from, (N, T - F, ...)."""
        return self.frames[:, : -self.predicted.shape[1]]


class Predictive(Objective):
    """An objective that predicts frames; it is saved with its decoders.

    Attributes:
        loss: the loss between predicted and true frames.
        future: F, the number of frames at the end of a clip that are predicted and not shown to
            the encoder; 0 if every frame is shown.
    """

    loss: FrameLoss
    future: int = 0

    @abstractmethod
    def forecast(self, clip: Tensor, *, future: int | None = None) -> Forecast:
        """Predict the last frames of clips (B, T, 3, H, W), pixels 0 to 255.

        Args:
            clip: whole clips, including the frames to be predicted.
            future: F; None takes the number of training.

        Raises:
            InputError: If the clip is too short, or this objective predicts no future frames.
        """

    def reconstructed(self, clip: Tensor) -> Forecast:
        """Reconstruct the frames of clips (B, T, 3, H, W) that the encoder is shown, last first.

        Raises:
            InputError: If this objective reconstructs no frames.
        """
        del clip
        raise InputError(
            f"{type(self).__name__} reconstructs no frames; expected an objective that does"
        )

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        """Return a picture of true frames above predicted ones, and of the flow if there is any."""
        forecast = self.forecast(clip[:PREVIEWED])
        if forecast.frames.ndim != 5:
            return {}
        return {"forecast": self.strip(forecast.frames, forecast.predicted, flow=forecast.flow)}

    def strip(self, frames: Tensor, predicted: Tensor, *, flow: Tensor | None = None) -> Tensor:
        """Draw true frames (N, T, C, H, W) above the predicted last F, uint8 (3, H', W')."""
        bands = [
            forecast_picture(
                to_bytes(self.visible(true)),
                to_bytes(self.visible(guess)),
                flow=None if flow is None else flow[number],
            )
            for number, (true, guess) in enumerate(zip(frames, predicted, strict=True))
        ]
        return torch.from_numpy(np.concatenate(bands)).permute(2, 0, 1)  # (3, H', W')

    def visible(self, frames: Tensor) -> Tensor:
        """Convert frames (T, ...) on the scale of the loss to pictures (T, C, H, W) in 0..1."""
        return frames.clamp(0, 1)

    def shown(self, frames: int) -> int:
        """Return how many frames the encoder is given of a clip of `frames` frames."""
        return frames - self.future

    def save(self, folder: Path, *, overwrite: bool = False) -> Path:
        """Write the objective with its decoders to a folder, in the format of encoders."""
        return save_module(self, folder, kind=KIND, overwrite=overwrite)


def to_bytes(frames: Tensor) -> Tensor:
    """Convert frames in 0..1 to uint8."""
    return (frames.float() * 255).round().to(torch.uint8)


def load_predictive(folder: str | Path) -> Predictive:
    """Load a predictive objective in evaluation mode.

    Args:
        folder: the folder of an objective, or of a run that has one in ``objective/``.

    Raises:
        InputError: If the folder has no predictive objective.
    """
    run = Path(folder)
    for candidate in (run, run / KIND):
        if holds_module(candidate):
            # mypy complains because the class is abstract, but only its subclasses are built.
            return load_module(candidate, kind=KIND, expected=Predictive)  # type: ignore[type-abstract]
    raise InputError(
        f"{str(folder)!r} holds no predictive objective; expected a finished run of an "
        "objective that predicts frames"
    )
