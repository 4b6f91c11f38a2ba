from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from selfvid.backbones.small import SmallNet
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.vectors import FlatPatches, Percepts
from selfvid.errors import InputError
from selfvid.forecasting.baselines import MEAN, REPEAT, fit_baselines
from selfvid.forecasting.command import forecast
from selfvid.forecasting.measures import PREDICTION
from selfvid.forecasting.sequences import ClipsToForecast, Sequences
from selfvid.forecasting.trial import Forecaster, run_trial, strips
from selfvid.objectives.frame_loss import FrameLoss
from selfvid.objectives.predictive import Forecast, Predictive, load_predictive
from selfvid.types import Losses
from tests.forecasting.runs import DIGITS, lstm, train_run


def test_patches_of_one_sequence_are_one_group(tmp_path: Path) -> None:
    run = train_run(lstm(FlatPatches(16)), DIGITS, tmp_path / "run")
    result = forecast(run, sequences=5, quiet=True)
    assert result.heading.startswith("20 clips or their parts")


def test_percepts_have_no_pictures_and_no_velocity(tmp_path: Path) -> None:
    torch.manual_seed(0)
    percepts = Percepts(FrameEncoder(SmallNet(channels=1, stages=(8,))))
    run = train_run(lstm(percepts, loss="squared_error"), DIGITS, tmp_path / "run")
    result = forecast(run, sequences=5, quiet=True)
    assert [row.name for row in result.measures[0].rows] == [PREDICTION, REPEAT, MEAN]
    assert result.pictures == ()


def test_predictions_that_are_not_finite_are_refused(
    digits_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = load_predictive(digits_run)
    with torch.no_grad():
        next(objective.encoder.parameters()).fill_(torch.nan)
    # Such weights are not saved; a stranger's folder may have them.
    monkeypatch.setattr("selfvid.forecasting.command.load_predictive", lambda _: objective)
    with pytest.raises(InputError, match="predictions are not finite"):
        forecast(digits_run, sequences=3, quiet=True)


class Darkening(Predictive):
    """Predicts the last frame seen at half its brightness; clips are grey pictures."""

    loss: FrameLoss = "squared_error"
    future = 2

    def __init__(self) -> None:
        super().__init__()
        self.encoder = FrameEncoder(SmallNet(channels=1, stages=(8,)))

    def forward(self, clip: Tensor) -> Losses:
        raise NotImplementedError

    def forecast(self, clip: Tensor, *, future: int | None = None) -> Forecast:
        frames, steps = clip[:, :, :1].float() / 255, future or self.future
        last = frames[:, -steps - 1 : -steps]
        return Forecast(frames, (last / 2).expand(-1, steps, -1, -1, -1), free=True)

    def reconstructed(self, clip: Tensor) -> Forecast:
        frames = clip[:, :, :1].float() / 255
        return Forecast(frames, frames.flip(1), free=True, backwards=True)


class Grey(Sequences):
    """Two batches of grey clips, all frames alike."""

    shades = ((100, 200), (40,))

    def tested(self) -> Iterator[ClipsToForecast]:
        for shades in self.shades:
            frames = torch.tensor(shades, dtype=torch.uint8)[:, None, None, None, None]
            yield ClipsToForecast(frames.expand(-1, 5, 3, 8, 8), tuple(map(str, shades)))

    def training(self) -> Iterator[ClipsToForecast]:
        yield next(self.tested())

    def in_words(self) -> tuple[str, ...]:
        return ()

    def about(self) -> dict[str, Any]:
        return {}


def forecaster(**changes: Any) -> Forecaster:
    plain: dict[str, Any] = {
        "objective": Darkening(), "future": None, "reconstruct": False,
        "device": torch.device("cpu"), "precision": "float32",
    }  # fmt: skip
    return Forecaster(**plain | changes)


def test_a_trial_has_the_error_of_every_test_sequence() -> None:
    trial = run_trial(forecaster(), Grey(), quiet=True)
    assert (trial.groups, trial.frames, trial.steps) == (["100", "200", "40"], 5, 2)
    unit = "squared error per frame"
    mine = torch.cat([batch[unit][PREDICTION] for batch in trial.errors])
    repeat = torch.cat([batch[unit][REPEAT] for batch in trial.errors])
    for row, shade in zip(mine, (100, 200, 40), strict=True):
        assert row.tolist() == pytest.approx([64 * (shade / 2 / 255) ** 2] * 2)
    assert not repeat.any()  # nothing changes, so that the last frame is right
    assert trial.baselines.mean.unique().item() == pytest.approx(150 / 255)
    assert len(trial.pictures) == 2  # of the first batch


def test_the_number_of_frames_to_predict_and_reconstruction_reach_the_objective() -> None:
    clips = next(Grey().tested())
    assert forecaster(future=3).of(clips).predicted.shape[1] == 3
    assert forecaster(reconstruct=True).of(clips).backwards


def test_a_strip_has_a_row_for_each_guess_and_the_flow_in_colour() -> None:
    clips = next(Grey().tested())
    objective = Darkening()
    forecast = objective.forecast(clips.frames)
    baselines = fit_baselines(lambda: [forecast], "squared_error")
    plain, *_ = strips(objective, forecast, baselines)
    flow = torch.ones(2, 2, 2, 8, 8)
    with_flow, *_ = strips(objective, replace(forecast, flow=flow), baselines, true_flow=flow)
    rows = plain.shape[0] / 4  # true, prediction, repeat, velocity
    assert with_flow.shape[0] == pytest.approx(6 * rows, abs=2)
    vectors = Forecast(torch.rand(2, 5, 4), torch.rand(2, 2, 4), free=True)
    assert strips(objective, vectors, baselines) == []
