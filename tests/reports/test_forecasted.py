from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.forecasting.baselines import MEANINGS, fit_baselines
from selfvid.forecasting.measures import errors_of, measure
from selfvid.forecasting.result import ForecastResult, in_words
from selfvid.objectives.predictive import Forecast
from selfvid.pictures import write_png
from selfvid.reports.forecasted import forecasted
from selfvid.reports.page import read_page
from selfvid.statistics.intervals import GroupDraws


def write_run(folder: Path, **changes: Any) -> Path:
    """Leave a recipe and a forecast of four sequences in `folder`."""
    frames = torch.rand(4, 5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    forecast = Forecast(frames, frames[:, -2:] + 0.01, free=True)
    baselines = fit_baselines(lambda: [forecast], "squared_error")
    measures = measure([errors_of(forecast, baselines, "squared_error")], GroupDraws.of(range(4)))
    result = ForecastResult(
        heading="4 sequences of 5 frames",
        measures=measures,
        flow=(),
        verdicts=(in_words(measures[0]), "seen <b>before</b>"),
        pictures=("sequence-0.png",),
        protocol={"command": "selfvid forecast here", "method": {"baselines": MEANINGS}},
        path=folder / "forecast",
    )
    result.path.mkdir(parents=True)
    (folder / "recipe.yaml").write_text("seed: 0\n")
    write_png(torch.zeros(4, 4, 3, dtype=torch.uint8).numpy(), result.path / "sequence-0.png")
    file = result.write(result.path / "result.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return folder


def test_a_forecast_has_its_section(tmp_path: Path) -> None:
    page = read_page(write_run(tmp_path / "run"))
    assert page.notes == ()
    (section,) = page.forecasts
    assert section.tone == "good"
    assert section.headline.startswith("Better than the best baseline")
    assert section.tables[0].rows[0][0] == "prediction"
    assert len(section.curves) == len(section.strips) == 1
    assert ("repeat the forecast", "selfvid forecast here") in page.commands


@pytest.mark.parametrize("other", [None, 3, "words", [], {}, [None], [{"rows": []}]])
@pytest.mark.parametrize(
    "field", ["heading", "measures", "flow", "verdicts", "pictures", "protocol"]
)
def test_every_field_may_be_of_another_type(tmp_path: Path, field: str, other: Any) -> None:
    page = read_page(write_run(tmp_path / "run", **{field: other}))
    assert page.forecasts or page.notes[0].startswith("forecast/result.json: not as")


def test_a_picture_elsewhere_is_not_read(tmp_path: Path) -> None:
    write_png(torch.zeros(4, 4, 3, dtype=torch.uint8).numpy(), tmp_path / "secret.png")
    run = write_run(tmp_path / "run", pictures=["../../secret.png", str(tmp_path / "secret.png")])
    (section,) = read_page(run).forecasts
    assert section.strips == ()


def test_a_forecast_of_version_0_1_is_shown(tmp_path: Path) -> None:
    method = {"floors": {"repeat the last frame": "the last frame, again"}}
    old = {"command": "selfvid forecast here", "method": method}
    (section,) = read_page(write_run(tmp_path / "run", protocol=old)).forecasts
    assert section.baselines == (("repeat the last frame", "the last frame, again"),)
    (new,) = read_page(write_run(tmp_path / "new")).forecasts
    assert new.baselines == tuple(MEANINGS.items())


@pytest.mark.parametrize(
    ("verdict", "tone"),
    [
        ("better than the best baseline: ...", "good"),
        ("not better than the best baseline: ...", "bad"),
        ("unresolved at this size: ...", "open"),
    ],
)
def test_the_colour_follows_the_first_verdict(verdict: str, tone: str, tmp_path: Path) -> None:
    (section,) = read_page(write_run(tmp_path / "run", verdicts=[verdict, "more"])).forecasts
    assert (section.tone, section.verdicts) == (tone, ("more",))


def test_one_predicted_frame_is_no_curve_and_flow_has_a_table(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    file = run / "forecast/result.json"
    result = json.loads(file.read_text())
    for row in result["measures"][0]["rows"]:
        del row["steps"][1:]
    error = {"low": 0.5, "mean": 1.0, "high": 1.5}
    result["flow"] = [
        {"name": "prediction", "error": error, "share": {"mean": 0.25}},
        {"name": "zero flow", "error": error, "share": None},
    ]
    section = forecasted(result, title="Forecast", picture=lambda _: None)
    assert section.curves == ()
    assert section.flow is not None
    assert [row[-1] for row in section.flow.rows] == ["25.0 %", "–"]
    assert section.strips == ()
