from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.cli.commands import main
from selfvid.errors import InputError
from selfvid.forecasting.baselines import MEAN, REPEAT, VELOCITY
from selfvid.forecasting.command import forecast
from selfvid.forecasting.measures import PREDICTION, ZERO
from selfvid.objectives.predictive import load_predictive
from selfvid.reports.page import report
from tests.forecasting.runs import DIGITS

pytestmark = pytest.mark.slow


def test_a_run_on_digits_is_tested_on_other_digits(digits_run: Path) -> None:
    result = forecast(digits_run, sequences=110, seed=3, quiet=True)
    made = [replace(DIGITS, split="test", seed=3).batch(n, clips=100) for n in (0, 1)]
    clips = torch.cat([part.rgb() for part in made])[:110]
    with torch.no_grad():
        ahead = load_predictive(digits_run).forecast(clips)
    p, truth = ahead.predicted.double(), ahead.truth.double()
    nats = -(truth * p.log() + (1 - truth) * (1 - p).log()).flatten(2).sum(2)
    in_nats, squared = result.measures
    assert in_nats.prediction.error.mean == pytest.approx(nats.mean().item(), rel=1e-5)
    last = clips[:, 3:4, :1].double() / 255
    by_hand = (clips[:, 4:, :1].double() / 255 - last).square().flatten(2).sum(2).mean(0)
    repeat = squared.rows[1]
    assert repeat.name == REPEAT
    assert [step.mean for step in repeat.steps] == pytest.approx(by_hand.tolist(), rel=1e-4)
    assert "not MNIST" in str(result)
    assert "softened" in str(result)


def test_the_result_is_left_in_the_run_with_its_protocol(digits_run: Path) -> None:
    result = forecast(digits_run, sequences=6, quiet=True)
    plain = json.loads((digits_run / "forecast" / "result.json").read_text())
    assert plain["kind"] == "selfvid forecast"
    assert [row["name"] for row in plain["measures"][0]["rows"]] == [
        PREDICTION, REPEAT, MEAN, VELOCITY,
    ]  # fmt: skip
    protocol = plain["protocol"]
    assert protocol["command"] == f"selfvid forecast {digits_run} --sequences 6 --quiet true"
    assert protocol["data"]["tested"]["init_args"]["split"] == "test"
    assert protocol["versions"]["torch"] == torch.__version__
    assert protocol["method"]["predicted"] == 2
    assert all((digits_run / "forecast" / name).is_file() for name in result.pictures)
    assert len(result.pictures) == 4


def test_more_of_the_clip_may_be_predicted_than_in_training(
    digits_run: Path, tmp_path: Path
) -> None:
    result = forecast(digits_run, sequences=4, future=4, out=tmp_path / "more", quiet=True)
    assert len(result.measures[0].prediction.steps) == 4


def test_the_frames_of_a_clip_are_reconstructed_latest_first(digits_run: Path) -> None:
    result = forecast(digits_run, sequences=8, reconstruct=True, quiet=True)
    clips = replace(DIGITS, split="test", seed=0).batch(0, clips=100).rgb()[:8]
    shown = clips[:, :4, :1].double() / 255
    _, squared = result.measures
    assert [row.name for row in squared.rows] == [PREDICTION, REPEAT, MEAN]
    repeat = (shown.flip(1) - shown[:, 3:]).square().flatten(2).sum(2).mean(0)
    assert repeat[0] == 0
    assert [step.mean for step in squared.rows[1].steps] == pytest.approx(repeat.tolist(), rel=1e-4)
    with torch.no_grad():
        again = load_predictive(digits_run).reconstructed(clips).predicted
    error = (again.double() - shown.flip(1)).square().flatten(2).sum(2).mean()
    assert squared.prediction.error.mean == pytest.approx(error.item(), rel=1e-5)
    report(digits_run, quiet=True)
    assert "<h2>Reconstruction</h2>" in (digits_run / "report.html").read_text()


def test_predicted_flow_is_compared_with_the_true_flow(flow_run: Path) -> None:
    result = forecast(flow_run, sequences=6, quiet=True)
    flow = {row.name: row for row in result.flow}
    # Before training has moved it, the flow is next to none.
    assert flow[PREDICTION].error.mean == pytest.approx(flow[ZERO].error.mean, rel=0.05)
    share = flow[PREDICTION].share
    assert share is not None
    assert share.mean == pytest.approx(flow[PREDICTION].error.mean / flow[ZERO].error.mean)
    (only,) = result.measures
    assert only.unit == "squared error per frame"
    assert len(only.prediction.steps) == 5
    assert "each from all true frames before it" in result.heading


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"sequences": 0}, "sequences is 0; expected at least 1"),
        ({"future": 0}, "future is 0; expected at least 1"),
        ({"future": 2, "reconstruct": True}, "future is 2 but frames shown are reconstructed"),
        ({"future": 6}, "clips give 6 frame vectors and 6 are to be predicted"),
        ({"batch": 0}, "batch is 0; expected at least 1"),
        ({"data": Path("nowhere")}, "neither 'sklearn' nor a folder of MNIST files"),
        ({"data": Path(__file__)}, "a file, but the run was trained on generated digits"),
        ({"out": Path(__file__)}, "a file; expected a folder"),
        ({"device": "abacus"}, "device is 'abacus'; expected auto"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(
    digits_run: Path, tmp_path: Path, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError) as raised:
        forecast(digits_run, **{"out": tmp_path / "out", "quiet": True, **options})
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_result_of_another_kind_is_not_overwritten(digits_run: Path, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"kind": "selfvid probe"}')
    with pytest.raises(InputError, match="no forecast left there"):
        forecast(digits_run, out=tmp_path, quiet=True)


def test_a_run_without_a_predictive_objective_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no predictive objective"):
        forecast(tmp_path, quiet=True)


def test_the_command_prints_and_the_report_shows(
    digits_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["forecast", str(digits_run), "--sequences", "6"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert "nats per frame" in out
    assert "the best baseline" in out
    page = report(digits_run, quiet=True).read_text()
    assert "<h2>Forecast</h2>" in page
    assert page.count('alt="Forecast of sequence-') == 4
    assert "nats per frame by predicted frame, as curves." in page
    (digits_run / "forecast" / "sequence-0.png").write_bytes(b"no picture")
    page = report(digits_run, quiet=True).read_text()
    assert page.count('alt="Forecast of sequence-') == 3
    assert "forecast/sequence-0.png: no PNG" in page
