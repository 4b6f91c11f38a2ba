"""Going over test sequences: forecasts and floors, their errors, and a few pictures."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from selfvid.errors import InputError
from selfvid.features.extract import Precision
from selfvid.forecasting.clips import ClipsToForecast, Sequences
from selfvid.forecasting.baselines import Floors, learn_floors
from selfvid.forecasting.measures import Errors, errors_of, flow_errors_of
from selfvid.forecasting.pictures import strips
from selfvid.objectives.predictive import Forecast, Predictive
from selfvid.pictures import Picture


@dataclass(frozen=True, eq=False, kw_only=True)
class Forecaster:
    """An objective on its device, asked for so many frames.

    Attributes:
        objective: in evaluation mode, on the device.
        future: frames to predict; None takes as many as in training.
        reconstruct: asked for the frames that it is shown instead.
        device: where it computes.
        precision: of its arithmetic.
    """

    objective: Predictive
    future: int | None
    reconstruct: bool
    device: torch.device
    precision: Precision

    def of(self, clips: ClipsToForecast) -> Forecast:
        """The forecast of some clips.

        Raises:
            InputError: where the clips are too short, or predictions are not finite.
        """
        low = self.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16) if low else contextlib.nullcontext():
            made = self._asked(clips.frames.to(self.device))
        if not made.predicted.isfinite().all():
            raise InputError("predictions are not finite; expected numbers: the run has diverged")
        return made

    def _asked(self, clip: Tensor) -> Forecast:
        if self.reconstruct:
            return self.objective.reconstructed(clip)
        return self.objective.forecast(clip, future=self.future)


@dataclass(frozen=True, eq=False, kw_only=True)
class Trial:
    """What is kept of the test sequences.

    Attributes:
        floors: as the training sequences made them.
        errors: batch by batch.
        groups: of each sequence, or patch of a sequence, that an error is of.
        flow_errors: batch by batch, where flow is predicted and known.
        pictures: of the first sequences.
        frames: T.
        steps: F.
        free: whether predictions saw none of the frames to be predicted.
        backwards: whether they are reconstructions.
    """

    floors: Floors
    errors: list[Errors]
    groups: list[str]
    flow_errors: list[dict[str, Tensor]]
    pictures: list[Picture]
    frames: int
    steps: int
    free: bool
    backwards: bool


@torch.inference_mode()
def try_on(forecaster: Forecaster, sequences: Sequences, *, quiet: bool) -> Trial:
    """Let the floors learn from training sequences, then go over the test sequences.

    Raises:
        InputError: where clips are too short, cannot be read, or predictions are not finite.
    """
    objective = forecaster.objective

    def training() -> Iterator[Forecast]:
        return map(forecaster.of, _counted(sequences.training(), "floors", quiet=quiet))

    floors = learn_floors(training, objective.loss)
    errors: list[Errors] = []
    groups: list[str] = []
    flow_errors: list[dict[str, Tensor]] = []
    pictures: list[Picture] = []
    for clips in _counted(sequences.tested(), "forecast", quiet=quiet):
        made = forecaster.of(clips)
        errors.append(errors_of(made, floors, objective.loss))
        parts = len(made.frames) // len(clips.groups)
        groups += [group for group in clips.groups for _ in range(parts)]
        truth = None if made.flow is None or clips.flow is None else clips.flow()
        if truth is not None:
            flow_errors.append(flow_errors_of(made, truth))
        if not pictures:
            steps = made.predicted.shape[1]
            true_flow = None if truth is None else truth.flow[:, -steps:]
            pictures = strips(objective, made, floors, true_flow=true_flow)
    return Trial(
        floors=floors,
        errors=errors,
        groups=groups,
        flow_errors=flow_errors,
        pictures=pictures,
        frames=made.frames.shape[1],
        steps=made.predicted.shape[1],
        free=made.free,
        backwards=made.backwards,
    )


def _counted(
    batches: Iterable[ClipsToForecast], what: str, *, quiet: bool
) -> Iterator[ClipsToForecast]:
    with tqdm(unit="sequence", desc=what, disable=quiet) as bar:
        for clips in batches:
            yield clips
            bar.update(len(clips.groups))
