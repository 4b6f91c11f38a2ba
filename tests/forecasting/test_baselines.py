from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from selfvid.forecasting.baselines import (
    MEAN,
    REPEAT,
    SHARES,
    VELOCITY,
    Baselines,
    constant_flow,
    constant_velocity,
    fit_baselines,
    guessed,
    repeat_last,
    softened,
)
from tests.forecasting.made import drifting, forecast_of, noise


@pytest.mark.parametrize("direction", ["right", "up", "left", "down"])
@pytest.mark.parametrize("free", [True, False])
def test_a_drifting_digit_is_carried_on_without_error(direction: str, free: bool) -> None:
    forecast = forecast_of(drifting(direction), 4, free=free)
    torch.testing.assert_close(guessed(forecast, constant_velocity), forecast.truth)
    assert (guessed(forecast, repeat_last) - forecast.truth).abs().max() > 0.5


def test_the_flow_of_constant_velocity_is_backward() -> None:
    frames = drifting("right", speed=3.0)
    flow = constant_flow(frames[:, :4], 2)
    digit = frames[:, 4:6, 0] > 0
    assert (flow[:, :, 0][digit] == -3).all()
    assert (flow[:, :, 1][digit] == 0).all()


def test_one_frame_alone_has_no_motion() -> None:
    frames = noise(0, 2, 1, 1, 8, 8)
    assert torch.equal(constant_velocity(frames, 3), repeat_last(frames, 3))
    assert not constant_flow(frames, 3).any()


def test_a_free_guess_does_not_look_at_what_is_to_be_predicted() -> None:
    frames = noise(4, 2, 6, 1, 16, 16)
    other = frames.clone()
    other[:, -3:] = noise(5, 2, 3, 1, 16, 16)
    for guess in (repeat_last, constant_velocity):
        first = guessed(forecast_of(frames, 3), guess)
        assert torch.equal(first, guessed(forecast_of(other, 3), guess))


def test_a_guess_one_step_ahead_sees_all_frames_before_and_not_its_own() -> None:
    frames = noise(6, 2, 6, 1, 16, 16)
    forecast = forecast_of(frames, 5, free=False)
    assert torch.equal(guessed(forecast, repeat_last), frames[:, :-1])
    ahead = guessed(forecast, constant_velocity)
    assert torch.equal(ahead[:, 0], frames[:, 0])
    assert torch.equal(ahead[:, 3:4], constant_velocity(frames[:, 2:4], 1))


def test_the_mean_is_of_training_frames_that_may_be_seen() -> None:
    frames = noise(7, 3, 6, 4)
    free = fit_baselines(lambda: [forecast_of(frames, 2)], "squared_error")
    torch.testing.assert_close(free.mean, frames[:, :4].mean((0, 1)))
    assert free.frames == 12
    ahead = fit_baselines(lambda: [forecast_of(frames, 5, free=False)], "squared_error")
    torch.testing.assert_close(ahead.mean, frames[:, :5].mean((0, 1)))
    assert not free.shares


def test_whether_pictures_are_on_black_is_read_off_training_frames() -> None:
    black = fit_baselines(lambda: [forecast_of(drifting("up"), 2)], "squared_error")
    grey = fit_baselines(lambda: [forecast_of(noise(8, 2, 5, 1, 8, 8), 2)], "squared_error")
    assert black.on_black
    assert not grey.on_black


def test_vectors_are_repeated_and_averaged_and_not_moved() -> None:
    forecast = forecast_of(noise(9, 3, 6, 4), 2)
    baselines = fit_baselines(lambda: [forecast], "squared_error")
    assert list(baselines.guesses(forecast)) == [REPEAT, MEAN]


def test_softening_is_a_weighted_mean_step_by_step() -> None:
    guess = torch.tensor([[[0.0, 1.0], [0.0, 1.0]]])
    found = softened(guess, torch.tensor([0.5, 0.2]), torch.tensor([0.1, 1.0]))
    expected = torch.tensor([[[0.05, 0.92], [0.5, 0.2]]])
    torch.testing.assert_close(found, expected)


def test_shares_are_the_cheapest_on_training_sequences() -> None:
    forecast = forecast_of((noise(10, 40, 4, 1, 4, 4) > 0.7).float(), 2)
    baselines = fit_baselines(lambda: [forecast], "cross_entropy")
    mean = baselines.soft_mean
    for step in range(2):
        truth, last = forecast.truth[:, step], forecast.shown[:, -1]
        costs = []
        for share in SHARES:
            p = (1 - share) * last + share * mean
            costs.append(float(-(truth * p.log() + (1 - truth) * (1 - p).log()).sum()))
        assert baselines.shares[REPEAT][step].item() == pytest.approx(SHARES[int(np.argmin(costs))])


def test_softened_baselines_are_never_certain_also_of_black_frames() -> None:
    forecast = forecast_of(torch.zeros(2, 4, 1, 8, 8), 2)
    baselines = fit_baselines(lambda: [forecast], "cross_entropy")
    for guess in baselines.soft(baselines.guesses(forecast)).values():
        assert guess.min() > 0
        assert -math.log(guess.min().item()) < 10
    assert set(baselines.shares) == {REPEAT, VELOCITY}


def test_mean_frame_alone_is_not_softened_twice() -> None:
    mean = torch.full((1, 2, 2), 0.3)
    baselines = Baselines(mean, on_black=True, frames=100, shares={REPEAT: torch.ones(1)})
    soft = baselines.soft({MEAN: mean.expand(1, 1, 1, 2, 2)})
    torch.testing.assert_close(soft[MEAN][0, 0], mean)
