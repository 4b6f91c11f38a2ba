from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from selfvid.backbones.small import SmallNet
from selfvid.cli.commands import main
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.digits.stream import DigitStream
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.conv_lstm import ConvLSTMEncoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import PixelInput
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.vectors import FlatFrames, FlatPatches, FrameVectors, Percepts
from selfvid.errors import InputError
from selfvid.forecasting.baselines import MEAN, REPEAT, VELOCITY
from selfvid.forecasting.command import forecast
from selfvid.forecasting.measures import PREDICTION, ZERO
from selfvid.objectives.base import Objective
from selfvid.objectives.flow_autoencoder import FlowAutoencoder
from selfvid.objectives.lstm_autoencoder import LSTMAutoencoder
from selfvid.objectives.predictive import load_predictive
from selfvid.pretraining.command import pretrain
from selfvid.reports.page import report
from selfvid.training.schedule import Training

DIGITS = DigitStream(frames=6, canvas=32, digits=1)


def lstm(vectors: FrameVectors, **more: Any) -> LSTMAutoencoder:
    torch.manual_seed(0)
    return LSTMAutoencoder(LSTMEncoder(vectors, hidden=8), future=2, **more)


def trained(objective: Objective, data: Path | DigitStream, out: Path, **more: Any) -> Path:
    plan = Training(steps=1, batch=4, warmup=0)
    return pretrain(data, out, objective=objective, training=plan, precision="float32", **more)


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(lstm(FlatFrames((32, 32))), DIGITS, tmp_path_factory.mktemp("run") / "lstm")


@pytest.fixture(scope="module")
def flow_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    backbone = SmallNet(channels=1, stages=(4,), norm="none", activation="tanh")
    pixels = PixelInput("grey", mean=(0.0,), deviation=(1.0,))
    encoder = ConvLSTMEncoder(backbone, hidden=4, kernel=3, flow_kernel=3, input=pixels)
    objective = FlowAutoencoder(encoder)
    return trained(objective, DIGITS, tmp_path_factory.mktemp("run") / "flow")


@pytest.fixture(scope="module")
def filmed_run(digits_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(
        lstm(FlatFrames((32, 32))),
        digits_manifest,
        tmp_path_factory.mktemp("run") / "filmed",
        clips=RandomClips(frames=5),
        size=32,
        split="train",
        workers=0,
    )


def test_a_run_on_digits_is_tested_on_digits_it_never_saw(digits_run: Path) -> None:
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


def test_sequences_are_the_same_whatever_the_batch(digits_run: Path, tmp_path: Path) -> None:
    first = forecast(digits_run, sequences=20, out=tmp_path / "a", quiet=True)
    second = forecast(digits_run, sequences=20, batch=7, out=tmp_path / "b", quiet=True)
    for one, other in zip(first.measures[0].rows, second.measures[0].rows, strict=True):
        assert one.error == pytest.approx(other.error, rel=1e-5)


def test_more_of_the_clip_may_be_predicted_than_in_training(
    digits_run: Path, tmp_path: Path
) -> None:
    result = forecast(digits_run, sequences=4, future=4, out=tmp_path / "more", quiet=True)
    assert len(result.measures[0].prediction.steps) == 4


def test_frames_shown_are_reconstructed_latest_first(digits_run: Path) -> None:
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


def test_learnt_flow_is_held_against_the_truth(flow_run: Path) -> None:
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


def test_footage_is_tested_on_its_test_split(filmed_run: Path, digits_manifest: Path) -> None:
    result = forecast(filmed_run, sequences=12, quiet=True)
    rows = [row for row in Manifest.read(digits_manifest).rows if row.split == "test"]
    data = result.protocol["data"]
    assert data["videos"] == len(rows)
    assert data["split"] == "test"
    assert "frames=5" in data["clips"]
    assert any(verdict.startswith("inductive") for verdict in result.verdicts)


def test_footage_without_a_test_split_is_said_to_be_that_of_training(
    filmed_run: Path, digits_manifest: Path, tmp_path: Path
) -> None:
    whole = Manifest.read(digits_manifest)
    alone = whole.select([row.split == "train" for row in whole.rows])
    Manifest(tuple(replace(row, split="") for row in alone.rows), whole.root).write(
        tmp_path / "train.csv"
    )
    result = forecast(
        filmed_run, tmp_path / "train.csv", sequences=4, out=tmp_path / "out", quiet=True
    )
    said = " ".join(result.verdicts)
    assert "transductive" in said
    assert "no split 'test'" in said
    assert result.protocol["data"]["videos"] == 4


def test_patches_of_one_sequence_are_one_group(tmp_path: Path) -> None:
    run = trained(lstm(FlatPatches(16)), DIGITS, tmp_path / "run")
    result = forecast(run, sequences=5, quiet=True)
    assert result.heading.startswith("20 clips or their parts")


def test_percepts_have_no_pictures_and_no_velocity(tmp_path: Path) -> None:
    torch.manual_seed(0)
    percepts = Percepts(FrameEncoder(SmallNet(channels=1, stages=(8,))))
    run = trained(lstm(percepts, loss="squared_error"), DIGITS, tmp_path / "run")
    result = forecast(run, sequences=5, quiet=True)
    assert [row.name for row in result.measures[0].rows] == [PREDICTION, REPEAT, MEAN]
    assert result.pictures == ()


def test_mnist_is_not_called_the_published_file(
    digits_run: Path, shared_data: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(digits_run, tmp_path / "run")
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    source = shared_data / "mnist"
    small = forecast(run, source, sequences=3, quiet=True)
    assert "not the same distribution" in small.verdicts[-1]
    recipe["data"]["init_args"] |= {"frames": 20, "digits": 2, "step": 0.1, "canvas": 64}
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    shutil.rmtree(run / "objective")
    lstm(FlatFrames((64, 64))).save(run / "objective")
    alike = forecast(run, source, sequences=3, quiet=True)
    assert alike.verdicts[-1] == (
        "3 sequences from MNIST's test digits by a fixed seed: same distribution as the published "
        "file, not the same sequences"
    )


def test_a_range_of_steps_survives_the_recipe(digits_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(digits_run, tmp_path / "run")
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    recipe["data"]["init_args"]["step"] = [0.05, 0.15]
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    assert forecast(run, sequences=3, quiet=True).measures


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
        ({"device": "abacus"}, "device 'abacus' cannot be used here"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    digits_run: Path, tmp_path: Path, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError) as raised:
        forecast(digits_run, **{"out": tmp_path / "out", "quiet": True, **options})
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_footage_that_is_gone_is_named(filmed_run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.csv"):
        forecast(filmed_run, tmp_path / "gone.csv", quiet=True)
    run = shutil.copytree(filmed_run, tmp_path / "run")
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe | {"data": "lost.csv"}))
    with pytest.raises(InputError, match=r"lost\.csv.*is not there"):
        forecast(run, quiet=True)


def test_a_result_of_another_kind_is_not_overwritten(digits_run: Path, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"kind": "selfvid probe"}')
    with pytest.raises(InputError, match="no forecast left there"):
        forecast(digits_run, out=tmp_path, quiet=True)


def test_a_run_without_a_predictive_objective_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no predictive objective"):
        forecast(tmp_path, quiet=True)


def test_predictions_that_are_no_numbers_are_refused(digits_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(digits_run, tmp_path / "run")
    objective = load_predictive(run)
    with torch.no_grad():
        next(objective.encoder.parameters()).fill_(torch.nan)
    shutil.rmtree(run / "objective")
    objective.save(run / "objective")
    with pytest.raises(InputError, match="predictions are not finite"):
        forecast(run, sequences=3, quiet=True)


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
