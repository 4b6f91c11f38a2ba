from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from selfvid.data.digits.glyphs import load_glyphs
from selfvid.data.digits.moving_digits import DIRECTIONS, drift
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
from selfvid.forecasting.block_motion import block_motion, moved
from selfvid.objectives.predictive import Forecast


def noise(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def drifting(direction: str, *, frames: int = 8, speed: float = 2.0) -> Tensor:
    """Two digits that never reach a border, (2, T, 1, 64, 64) in 0..1."""
    made = drift(
        load_glyphs("sklearn", split="test"),
        torch.tensor([3, 4]),
        starts=torch.full((2, 2), 20.0, dtype=torch.float64),
        directions=torch.full((2,), list(DIRECTIONS).index(direction)),
        frames=frames,
        canvas=64,
        speed=speed,
    )
    return made.frames / 255


def forecast_of(frames: Tensor, future: int, *, free: bool = True) -> Forecast:
    return Forecast(frames, torch.zeros_like(frames[:, -future:]), free=free)


@pytest.mark.parametrize("direction", ["right", "up", "left", "down"])
@pytest.mark.parametrize("free", [True, False])
def test_a_drifting_digit_is_carried_on_without_error(direction: str, free: bool) -> None:
    forecast = forecast_of(drifting(direction), 4, free=free)
    torch.testing.assert_close(guessed(forecast, constant_velocity), forecast.truth)
    assert (guessed(forecast, repeat_last) - forecast.truth).abs().max() > 0.5


def test_flow_that_goes_with_constant_velocity_looks_back() -> None:
    frames = drifting("right", speed=3.0)
    flow = constant_flow(frames[:, :4], 2)
    digit = frames[:, 4:6, 0] > 0
    assert (flow[:, :, 0][digit] == -3).all()
    assert (flow[:, :, 1][digit] == 0).all()


def test_one_frame_alone_has_no_motion() -> None:
    frames = noise(0, 2, 1, 1, 8, 8)
    assert torch.equal(constant_velocity(frames, 3), repeat_last(frames, 3))
    assert not constant_flow(frames, 3).any()


def test_a_shifted_texture_is_found_and_black_stands_still() -> None:
    before = torch.zeros(1, 3, 40, 40)
    before[..., 12:24, 12:24] = noise(1, 3, 12, 12)
    after = before.roll((-2, 3), dims=(2, 3))
    motion = block_motion(before, after, reach=4, window=5)
    assert (motion[0, 0, 10:22, 15:27] == 3).all()
    assert (motion[0, 1, 10:22, 15:27] == -2).all()
    assert not motion[..., 30:, :].any()


def test_block_motion_is_the_best_of_all_displacements_by_loop() -> None:
    before, after = noise(2, 1, 1, 12, 12), noise(3, 1, 1, 12, 12)
    reach, window = 2, 3
    motion = block_motion(before, after, reach=reach, window=window)
    framed = torch.nn.functional.pad(before, (reach,) * 4)[0, 0]
    for row, column in ((0, 0), (5, 6), (11, 3)):

        def cost(x: int, y: int, row: int = row, column: int = column) -> float:
            total = 0.0
            for i in range(max(row - 1, 0), min(row + 2, 12)):
                for j in range(max(column - 1, 0), min(column + 2, 12)):
                    there = framed[i - y + reach, j - x + reach]
                    total += float((after[0, 0, i, j] - there) ** 2)
            return total

        span = range(-reach, reach + 1)
        best = min((cost(x, y), x, y) for x in span for y in span)
        assert tuple(motion[0, :, row, column].tolist()) == best[1:]


def test_where_pixels_meet_the_brighter_one_wins_and_leavers_are_gone() -> None:
    frame = torch.tensor([[[[0.2, 0.7, 0.5, 0.9]]]])
    motion = torch.tensor([[[[1, 0, -1, 5]], [[0, 0, 0, 0]]]])
    assert moved(frame, motion, on_black=True).flatten().tolist() == pytest.approx([0, 0.7, 0, 0])
    kept = moved(frame, motion, on_black=False).flatten().tolist()
    assert kept == pytest.approx([0.2, 0.7, 0.5, 0.9])


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


def test_soft_baseline_are_sure_of_nothing_though_frames_are_black_and_white() -> None:
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
