from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.demo import _clips, _encoder, _percent, _plain, _result, demo
from selfvid.encoders.input import DifferenceInput
from selfvid.errors import InputError
from selfvid.objectives.vicreg import VICReg
from selfvid.probing.result import ProbeResult
from selfvid.statistics.intervals import Interval
from tests.reports.example import a_result, a_row, chance_row


def probed(encoder: float, random: float) -> ProbeResult:
    """A probe whose intervals are 5 points wide on each side."""
    rows = (a_row("encoder", encoder), a_row("random weights", random), chance_row())
    return a_result(rows=rows, protocol={"data": {"tested": 90}})


def figures(main: ProbeResult, *, random: float) -> dict[str, Any]:
    others = [probed(0.3, random), probed(0.4, random)]
    moving = [probed(0.11, random), probed(0.22, random), probed(0.9, 0.8)]
    return _result(main, others, moving, seconds=12.34)


@pytest.mark.parametrize(
    ("encoder", "helped"), [(0.71, True), (0.59, False), (0.40, False), (0.20, False)]
)
def test_pretraining_helped_if_its_interval_is_above_that_of_random_weights(
    encoder: float, helped: bool
) -> None:
    random = 0.50
    result = figures(probed(encoder, random), random=random)
    assert result["helped"] == (encoder - 0.05 > random + 0.05) == helped
    assert ("did not clearly help" in result["words"]) != helped


def test_the_result_has_the_accuracy_of_every_row_and_of_the_second_run() -> None:
    result = figures(probed(0.7, 0.5), random=0.5)
    means = {name: accuracy["mean"] for name, accuracy in result["accuracy"].items()}
    assert means == {
        "encoder": 0.7,
        "random weights": 0.5,
        chance_row().name: round(1 / 6, 4),
        "temporal coherence": 0.3,
        "differences": 0.4,
    }
    directions = {name: accuracy["mean"] for name, accuracy in result["direction"].items()}
    assert directions == {
        "encoder": 0.11,
        "temporal coherence": 0.22,
        "differences": 0.9,
        "differences, random weights": 0.8,
    }
    assert (result["test_videos"], result["seconds"]) == (90, 12.3)
    for text in (
        "70 % [65, 75]",
        "50 % [45, 55]",
        "30 % [25, 35]",
        "11 % [6, 16]",
        "90 % [85, 95]",
    ):
        assert text in result["words"]
    json.dumps(result, allow_nan=False)  # chance has no interval, and is still plain JSON


def test_ends_that_are_unknown_are_null() -> None:
    assert _plain(Interval(math.nan, 0.123456, math.nan)) == {
        "low": None,
        "mean": 0.1235,
        "high": None,
    }


def test_a_share_is_written_in_whole_percent() -> None:
    assert _percent(Interval(0.826, 0.86, 0.894)) == "86 % [83, 89]"


def test_the_encoder_takes_the_small_videos_of_the_demo() -> None:
    features = _encoder().eval()(torch.zeros(2, 8, 3, 32, 32, dtype=torch.uint8))
    assert features.clip.shape == (2, 128)


def test_clips_have_two_steps_of_each_encoder() -> None:
    frames = VICReg(_encoder())
    differences = VICReg(_encoder(DifferenceInput("grey")))
    assert [(_clips(each).frames, _clips(each).stride) for each in (frames, differences)] == [
        (2, 8),
        (3, 4),
    ]


def test_an_existing_folder_and_too_few_steps_are_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError, match="exists; expected a new one"):
        demo(tmp_path)
    with pytest.raises(InputError, match="steps is 1; expected 2 or more"):
        demo(tmp_path / "new", steps=1)
    assert list(tmp_path.iterdir()) == []
