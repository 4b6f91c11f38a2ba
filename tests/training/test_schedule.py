import math
from itertools import pairwise
from typing import Any

import pytest
from torch import nn

from selfvid.errors import InputError
from selfvid.training.schedule import Training, make_optimiser, make_schedule


def rates(training: Training) -> list[float]:
    optimiser = make_optimiser(nn.Linear(2, 2), training)
    schedule = make_schedule(optimiser, training)
    seen = []
    for _ in range(training.steps):
        seen.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return seen


def test_the_rate_rises_to_its_peak_and_falls_as_a_cosine() -> None:
    seen = rates(Training(steps=100, warmup=10, rate=0.5))
    assert seen[:10] == pytest.approx([0.5 * (i + 1) / 10 for i in range(10)])
    half = seen[10:].index(min(seen[10:], key=lambda rate: abs(rate - 0.25)))
    assert half == pytest.approx(45, abs=1)
    assert all(after <= before for before, after in pairwise(seen[10:]))
    assert seen[-1] < 0.002


def test_a_staircase_goes_down_every_so_many_steps() -> None:
    seen = rates(Training(steps=9, warmup=2, rate=1.0, staircase=(0.5, 4)))
    assert seen == pytest.approx([1 / 3, 2 / 3, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25])


def test_the_rate_is_divided_at_each_milestone() -> None:
    seen = rates(Training(steps=7, warmup=1, rate=1.0, milestones=(3, 5)))
    assert seen == pytest.approx([0.5, 1, 1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize("optimiser", ["adamw", "sgd", "lars", "rmsprop"])
def test_norms_and_biases_are_not_decayed(optimiser: Any) -> None:
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.GroupNorm(2, 8), nn.BatchNorm2d(8))
    made = make_optimiser(model, Training(optimiser=optimiser, weight_decay=0.1))
    decayed = [p for group in made.param_groups if group["weight_decay"] for p in group["params"]]
    assert [tuple(p.shape) for p in decayed] == [(8, 1, 3, 3)]
    assert sum(len(group["params"]) for group in made.param_groups) == len(list(model.parameters()))


def test_frozen_weights_are_left_out() -> None:
    model = nn.Linear(2, 2)
    model.weight.requires_grad = False
    made = make_optimiser(model, Training())
    assert [p.shape for group in made.param_groups for p in group["params"]] == [model.bias.shape]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"rate": -1.0}, "rate must be positive, got -1.0"),
        (
            {"steps": 5, "warmup": 9},
            r"warmup must lie in 0..5 .* got 9; set it with --training.warmup",
        ),
        ({"batch": 10, "accumulate": 3}, "batch 10 is no multiple of accumulate 3"),
        ({"clip_value": 5.0}, "clip_norm is 1.0 and clip_value 5.0; expected one of them"),
        ({"clip_update": 0.1}, "clip_update is 0.1 but optimiser 'adamw'; expected sgd"),
        ({"staircase": (0.5, 0)}, r"staircase must be a positive factor and 1 or more steps"),
        ({"staircase": (0.5, 9), "milestones": (3,)}, r"milestones are \[3\] and staircase"),
        ({"average": 1.5}, "average must lie between 0 and 1, got 1.5"),
        ({"strategy": "magic"}, "strategy 'magic' is unknown; expected one of auto, "),
        ({"weight_decay": -1.0}, "weight_decay must be 0 or more, got -1.0"),
        ({"momentum": 5.0}, r"momentum must lie in 0..1, got 5.0"),
        ({"clip_norm": -1.0}, "clip_norm must be positive or null, got -1.0"),
    ],
)
def test_nonsense_is_refused_by_name(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Training(**wrong)


def test_learning_rates_are_finite() -> None:
    assert all(math.isfinite(rate) for rate in rates(Training(steps=3, warmup=0)))


def test_a_warm_up_below_one_is_a_share_of_the_steps() -> None:
    assert [Training(steps=steps).warmup_steps for steps in (4, 100, 2000)] == [0, 5, 100]
    assert Training(steps=100, warmup=1).warmup_steps == 1
    assert rates(Training(steps=40, warmup=0.1)) == rates(Training(steps=40, warmup=4))
    with pytest.raises(InputError, match=r"share of them below 1, got 2\.5"):
        Training(steps=100, warmup=2.5)
