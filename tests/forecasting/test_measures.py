from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from selfvid.data.digits.glyphs import load_glyphs
from selfvid.data.digits.stream import DigitStream
from selfvid.data.digits.true_flow import digit_flow
from selfvid.forecasting.baselines import MEAN, REPEAT, VELOCITY, Baselines, fit_baselines
from selfvid.forecasting.measures import (
    PREDICTION,
    ZERO,
    errors_of,
    flow_errors_of,
    measure,
    measure_flow,
)
from selfvid.objectives.predictive import Forecast
from selfvid.statistics.intervals import GroupDraws
from tests.forecasting.made import a_forecast


def test_errors_of_repeating_are_sums_of_squares() -> None:
    forecast = a_forecast()
    baselines = fit_baselines(lambda: [forecast], "squared_error")
    (found,) = errors_of(forecast, baselines, "squared_error").values()
    for at in range(5):
        for step in range(2):
            difference = forecast.frames[at, 4 + step] - forecast.frames[at, 3]
            expected = sum(float(value) ** 2 for value in difference.flatten())
            assert found[REPEAT][at, step].item() == pytest.approx(expected, rel=1e-5)
    assert list(found) == [PREDICTION, REPEAT, MEAN, VELOCITY]


def test_probabilities_are_measured_in_nats_and_by_squared_error_without_softening() -> None:
    forecast = a_forecast()
    baselines = fit_baselines(lambda: [forecast], "cross_entropy")
    found = errors_of(forecast, baselines, "cross_entropy")
    truth, p = forecast.truth, forecast.predicted
    nats = -(truth * p.log() + (1 - truth) * (1 - p).log()).flatten(2).sum(2)
    torch.testing.assert_close(found["nats per frame"][PREDICTION], nats)
    hard = (truth - forecast.shown[:, -1:]).square().flatten(2).sum(2)
    torch.testing.assert_close(found["squared error per frame"][REPEAT], hard)


def test_figures_are_means_over_frames_and_sequences_and_differences_are_paired() -> None:
    batches = [a_forecast(1, sequences=8), a_forecast(2, sequences=4)]
    baselines = fit_baselines(lambda: batches, "squared_error")
    errors = [errors_of(batch, baselines, "squared_error") for batch in batches]
    (found,) = measure(errors, GroupDraws.of([str(at) for at in range(12)]))
    raw = {
        row.name: torch.cat([each["squared error per frame"][row.name] for each in errors])
        for row in found.rows
    }
    for row in found.rows:
        assert row.error.mean == pytest.approx(raw[row.name].mean().item(), rel=1e-6)
        by_step = [step.mean for step in row.steps]
        assert by_step == pytest.approx(raw[row.name].mean(0).tolist(), rel=1e-6)
        assert row.error.low < row.error.mean < row.error.high
    repeat = found.rows[1].difference
    assert repeat is not None
    assert repeat.mean == pytest.approx((raw[PREDICTION] - raw[REPEAT]).mean().item(), rel=1e-5)
    assert found.best_baseline.name == min(
        (REPEAT, MEAN, VELOCITY), key=lambda name: raw[name].mean().item()
    )


def test_intervals_are_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    low, mean, high = GroupDraws.of(range(400)).mean(values)
    assert mean == pytest.approx(values.mean())
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_groups_are_drawn_whole() -> None:
    values = np.repeat(np.random.default_rng(1).normal(size=50), 8)
    groups = np.repeat(np.arange(50), 8)
    alone, together = (
        GroupDraws.of(range(400)).mean(values),
        GroupDraws.of(groups).mean(values),
    )
    wider = (together.high - together.low) / (alone.high - alone.low)
    assert wider == pytest.approx(math.sqrt(8), rel=0.15)


def test_a_share_is_of_the_same_draws() -> None:
    whole = np.random.default_rng(2).uniform(1, 5, 30)
    assert GroupDraws.of(range(30)).ratio(whole / 4, whole) == pytest.approx((0.25, 0.25, 0.25))


def test_true_flow_has_no_error_and_zero_flow_the_length_of_motion() -> None:
    stream = DigitStream(kind="drifting", split="test", frames=6, canvas=48)
    made = stream.batch(0, clips=4)
    truth = digit_flow(made, load_glyphs("sklearn", split="test"))
    frames = made.frames / 255
    forecast = Forecast(frames, frames[:, -3:], free=False, flow=truth.flow[:, -3:])
    found = flow_errors_of(forecast, truth)
    assert not found[PREDICTION].any()
    for at in range(4):
        known = truth.known[at, -3:]
        lengths = truth.flow[at, -3:].norm(dim=1)[known]
        assert found[ZERO][at].item() == pytest.approx(lengths.mean().item(), rel=1e-5)
    rows = {row.name: row for row in measure_flow([found], list("abcd"), seed=0)}
    share = rows[PREDICTION].share
    assert share is not None
    assert share.mean == 0
    assert rows[VELOCITY].error.mean < rows[ZERO].error.mean


def test_sequences_without_a_known_pixel_are_left_out() -> None:
    found = {name: torch.tensor([1.0, math.nan, 3.0]) for name in (PREDICTION, ZERO, VELOCITY)}
    rows = measure_flow([found], list("abc"), seed=0)
    assert all(row.error.mean == 2.0 for row in rows)


def test_baselines_do_not_change_the_frames_of_the_forecast() -> None:
    forecast = a_forecast(5)
    before = forecast.frames.clone()
    baselines = Baselines(forecast.frames.mean((0, 1)), on_black=False, frames=30)
    baselines.guesses(forecast)
    assert torch.equal(forecast.frames, before)
