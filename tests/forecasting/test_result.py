from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from selfvid.forecasting.baselines import REPEAT, fit_baselines
from selfvid.forecasting.measures import (
    PREDICTION,
    ZERO,
    FlowRow,
    Measure,
    Row,
    errors_of,
    measure,
)
from selfvid.forecasting.result import (
    ForecastResult,
    amount,
    ends,
    error_table,
    flow_in_words,
    flow_table,
    in_words,
)
from selfvid.objectives.predictive import Forecast
from selfvid.statistics.intervals import GroupDraws, Interval
from tests.forecasting.made import a_forecast


@pytest.mark.parametrize(
    ("off_by", "beginning"),
    [(0.0, "better than the best baseline"), (0.9, "not better than the best baseline")],
)
def test_the_verdict_follows_the_interval(off_by: float, beginning: str) -> None:
    frames = a_forecast(3, sequences=20).frames
    forecast = Forecast(frames, frames[:, -2:] + off_by, free=True)
    baselines = fit_baselines(lambda: [forecast], "squared_error")
    errors = errors_of(forecast, baselines, "squared_error")
    (found,) = measure([errors], GroupDraws.of(range(20)))
    assert in_words(found).startswith(beginning)


def test_one_group_alone_leaves_the_verdict_open() -> None:
    forecast = a_forecast(4)
    baselines = fit_baselines(lambda: [forecast], "squared_error")
    (found,) = measure([errors_of(forecast, baselines, "squared_error")], GroupDraws.of(["a"] * 5))
    assert math.isnan(found.prediction.error.low)
    assert in_words(found).startswith("unresolved")
    assert "[no interval]" in in_words(found)


def interval(mean: float) -> Interval:
    return Interval(mean - 1, mean, mean + 1)


def a_measure(steps: int) -> Measure:
    """Errors that grow by 10 with each step; the baseline is 5 worse."""
    rows = [
        Row(
            name,
            interval(20.0 + worse),
            tuple(interval(10.0 * step + worse) for step in range(steps)),
            None if name == PREDICTION else interval(-worse),
        )
        for name, worse in ((PREDICTION, 0.0), (REPEAT, 5.0))
    ]
    return Measure("nats per frame", tuple(rows))


@pytest.mark.parametrize(("steps", "shown"), [(1, [1]), (2, [1, 2]), (10, [1, 5, 10])])
def test_a_table_shows_the_first_the_middle_and_the_last_step(steps: int, shown: list[int]) -> None:
    head, first, second = error_table(a_measure(steps)).splitlines()
    assert [int(word) for word in re.findall(r"step (\d+)", head)] == shown
    for step in shown:
        assert amount(10.0 * (step - 1)) in first.split()
        assert amount(10.0 * (step - 1) + 5) in second.split()
    assert "-5" in second.split()
    assert "[-6, -4]" in second


def test_amounts_have_three_digits_if_they_are_small() -> None:
    assert [amount(value) for value in (341.234, 10.0, 9.876, 0.01234)] == [
        "341.2", "10.0", "9.88", "0.0123",
    ]  # fmt: skip
    assert amount(0.5, signed=True) == "+0.5"
    assert ends(Interval(340.0, 341.0, 342.44)) == "[340.0, 342.4]"
    assert ends(Interval(math.nan, 1.0, math.nan)) == ""


@pytest.mark.parametrize(("error", "verdict"), [(1.0, "at most half"), (1.1, "more than half")])
def test_the_verdict_on_flow_compares_it_with_half_of_zero_flow(error: float, verdict: str) -> None:
    share = Interval(0.4, error / 2, 0.6)
    rows = (FlowRow(PREDICTION, interval(error), share), FlowRow(ZERO, interval(2.0), None))
    sentence = flow_in_words(rows)
    assert sentence.endswith(f"of zero flow's 2 px: {verdict}")
    assert f"{50 * error:.1f} % [40.0, 60.0]" in sentence
    assert len(flow_table(rows).splitlines()) == 3


def test_a_result_is_written_with_its_kind_and_without_unknown_numbers(tmp_path: Path) -> None:
    rows = (Row(PREDICTION, Interval(math.nan, 2.0, math.nan), (), None),)
    result = ForecastResult("4 clips", (Measure("nats", rows),), (), (), (), {}, tmp_path)
    plain = json.loads(result.write(tmp_path / "result.json").read_text())
    assert plain["kind"] == "selfvid forecast"
    assert plain["measures"][0]["rows"][0]["error"] == {"low": None, "mean": 2.0, "high": None}
    assert "path" not in plain
