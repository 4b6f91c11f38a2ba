"""Forecasts and baselines on all test sequences: their errors, and pictures of a few of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad
from tqdm import tqdm

from selfvid.compute import Precision, autocast
from selfvid.errors import InputError
from selfvid.forecasting.baselines import MEAN, Baselines, fit_baselines
from selfvid.forecasting.measures import PREDICTION, Errors, errors_of, flow_errors_of
from selfvid.forecasting.sequences import ClipsToForecast, Sequences
from selfvid.objectives.predictive import Forecast, Predictive, to_bytes
from selfvid.pictures import Picture, flow_in_colour, grid

SHOWN = 4  # sequences in pictures: enough for an impression, and a short page


@dataclass(frozen=True, eq=False, kw_only=True)
class Forecaster:
    """An objective with the settings of its forecasts.

    Attributes:
        objective: the objective, in evaluation mode and on the device.
        future: number of frames to predict; None takes that of training.
        reconstruct: whether it reconstructs the frames that it sees, instead of a forecast.
        device: the device that computes.
        precision: precision of the arithmetic.
    """

    objective: Predictive
    future: int | None
    reconstruct: bool
    device: torch.device
    precision: Precision

    def of(self, clips: ClipsToForecast) -> Forecast:
        """Return the forecast, or the reconstruction, of some clips.

        Raises:
            InputError: If the clips are too short, or predictions are not finite.
        """
        frames = clips.frames.to(self.device)
        with autocast(self.precision, self.device):
            if self.reconstruct:
                forecast = self.objective.reconstructed(frames)
            else:
                forecast = self.objective.forecast(frames, future=self.future)
        if not forecast.predicted.isfinite().all():
            raise InputError("predictions are not finite; expected numbers: the run has diverged")
        return forecast


@dataclass(frozen=True, eq=False, kw_only=True)
class Trial:
    """What is kept of the test sequences.

    Attributes:
        baselines: the baselines, fitted to training sequences.
        errors: the errors of each batch.
        groups: the group of each sequence, or of each patch of a sequence, that has an error.
        flow_errors: the end-point errors of each batch; empty unless flow is predicted and the
            true flow is known.
        pictures: pictures of the first sequences.
        frames: T, the frames of a clip.
        steps: F, the predicted frames.
        free: whether the predictions see none of the frames to be predicted.
        backwards: whether they are reconstructions.
    """

    baselines: Baselines
    errors: list[Errors]
    groups: list[str]
    flow_errors: list[dict[str, Tensor]]
    pictures: list[Picture]
    frames: int
    steps: int
    free: bool
    backwards: bool


@torch.inference_mode()
def run_trial(forecaster: Forecaster, sequences: Sequences, *, quiet: bool) -> Trial:
    """Fit the baselines to training sequences, then measure the errors on the test sequences.

    Args:
        forecaster: makes the forecasts.
        sequences: the sequences.
        quiet: show no progress.

    Raises:
        InputError: If clips are too short or cannot be read, or predictions are not finite.
    """
    objective = forecaster.objective

    def training() -> Iterator[Forecast]:
        return map(forecaster.of, _counted(sequences.training(), "baselines", quiet=quiet))

    baselines = fit_baselines(training, objective.loss)
    errors: list[Errors] = []
    groups: list[str] = []
    flow_errors: list[dict[str, Tensor]] = []
    pictures: list[Picture] = []
    for clips in _counted(sequences.tested(), "forecast", quiet=quiet):
        forecast = forecaster.of(clips)
        errors.append(errors_of(forecast, baselines, objective.loss))
        parts = len(forecast.frames) // len(clips.groups)  # patches of each sequence
        groups += [group for group in clips.groups for _ in range(parts)]
        truth = None if forecast.flow is None or clips.flow is None else clips.flow()
        if truth is not None:
            flow_errors.append(flow_errors_of(forecast, truth))
        if not pictures:
            steps = forecast.predicted.shape[1]
            true_flow = None if truth is None else truth.flow[:, -steps:]
            pictures = strips(objective, forecast, baselines, true_flow=true_flow)
    return Trial(
        baselines=baselines,
        errors=errors,
        groups=groups,
        flow_errors=flow_errors,
        pictures=pictures,
        frames=forecast.frames.shape[1],
        steps=forecast.predicted.shape[1],
        free=forecast.free,
        backwards=forecast.backwards,
    )


def strips(
    objective: Predictive,
    forecast: Forecast,
    baselines: Baselines,
    *,
    true_flow: Tensor | None = None,
) -> list[Picture]:
    """Draw each of the first sequences: true frames above the prediction and the baselines.

    Args:
        objective: the objective that made the forecast.
        forecast: the forecast; it has no pictures if its frames are vectors.
        baselines: the baselines; the mean frame is not drawn, as it is the same everywhere.
        true_flow: the true flow, (N, F, 2, H, W), if it is known.
    """
    if forecast.frames.ndim != 5:
        return []
    guesses = baselines.guesses(forecast)
    rows = {
        "true": forecast.frames,
        PREDICTION: forecast.predicted,
        **{name: guess for name, guess in guesses.items() if name != MEAN},
    }
    flows = {
        name: flow
        for name, flow in {"flow, predicted": forecast.flow, "flow, true": true_flow}.items()
        if flow is not None
    }
    pictures = []
    for number in range(min(SHOWN, len(forecast.frames))):
        bands = {
            name: to_bytes(objective.visible(frames[number])) for name, frames in rows.items()
        } | _in_colour({name: flow[number] for name, flow in flows.items()})
        padded = [_padded(band, forecast.frames.shape[1]) for band in bands.values()]
        pictures.append(grid(padded, captions=list(bands), height=64))
    return pictures


def _in_colour(flows: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return flows (F, 2, H, W) of one sequence as pictures (F, 3, H, W).

    All are on the scale of the last flow, which is the true flow if it is known.
    """
    if not flows:
        return {}
    longest = float(list(flows.values())[-1].float().norm(dim=1).max()) or None
    return {
        name if longest is None else f"{name}, full colour at {longest:.1f} px": flow_in_colour(
            flow.cpu(), longest=longest
        )
        for name, flow in flows.items()
    }


def _padded(tiles: Tensor, frames: int) -> Tensor:
    """Prepend white tiles, so that each of `tiles` (F, C, H, W) is below its own frame."""
    return pad(tiles, (0, 0) * 3 + (frames - len(tiles), 0), value=255)  # (T, C, H, W)


def _counted(
    batches: Iterable[ClipsToForecast], what: str, *, quiet: bool
) -> Iterator[ClipsToForecast]:
    """Yield the batches, with a progress bar that counts sequences."""
    with tqdm(unit="sequence", desc=what, disable=quiet) as bar:
        for clips in batches:
            yield clips
            bar.update(len(clips.groups))
