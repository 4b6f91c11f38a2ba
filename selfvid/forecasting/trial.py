"""Going over test sequences: forecasts and baselines, their errors, and a few pictures."""

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

SHOWN = 4


def strips(
    objective: Predictive,
    forecast: Forecast,
    baselines: Baselines,
    *,
    true_flow: Tensor | None = None,
) -> list[Picture]:
    """One picture for each of the first sequences; none where frames are no pictures.

    Args:
        objective: knows what its frames look like.
        forecast: what to show.
        baselines: the guesses below the prediction; the mean frame is left out, being the same
            everywhere.
        true_flow: (N, F, 2, H, W) where it is known.
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
        under = [_last(band, forecast.frames.shape[1]) for band in bands.values()]
        pictures.append(grid(under, captions=list(bands), height=64))
    return pictures


def _in_colour(flows: dict[str, Tensor]) -> dict[str, Tensor]:
    """Flows (F, 2, H, W) of one sequence in colour, all on the scale of the last, the truest."""
    if not flows:
        return {}
    longest = float(list(flows.values())[-1].float().norm(dim=1).max()) or None
    return {
        name if longest is None else f"{name}, full colour at {longest:.1f} px": flow_in_colour(
            flow.cpu(), longest=longest
        )
        for name, flow in flows.items()
    }


def _last(tiles: Tensor, frames: int) -> Tensor:
    """White tiles first, so that each of `tiles` (F, C, H, W) stands under its own frame."""
    return pad(tiles, (0, 0) * 3 + (frames - len(tiles), 0), value=255)


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
        with autocast(self.precision, self.device):
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
        baselines: as the training sequences made them.
        errors: batch by batch.
        groups: of each sequence, or patch of a sequence, that an error is of.
        flow_errors: batch by batch, where flow is predicted and known.
        pictures: of the first sequences.
        frames: T.
        steps: F.
        free: whether predictions saw none of the frames to be predicted.
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
def try_on(forecaster: Forecaster, sequences: Sequences, *, quiet: bool) -> Trial:
    """Let the baselines learn from training sequences, then go over the test sequences.

    Raises:
        InputError: where clips are too short, cannot be read, or predictions are not finite.
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
        made = forecaster.of(clips)
        errors.append(errors_of(made, baselines, objective.loss))
        parts = len(made.frames) // len(clips.groups)
        groups += [group for group in clips.groups for _ in range(parts)]
        truth = None if made.flow is None or clips.flow is None else clips.flow()
        if truth is not None:
            flow_errors.append(flow_errors_of(made, truth))
        if not pictures:
            steps = made.predicted.shape[1]
            true_flow = None if truth is None else truth.flow[:, -steps:]
            pictures = strips(objective, made, baselines, true_flow=true_flow)
    return Trial(
        baselines=baselines,
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
