from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.backbones.inflated import Inflated
from selfvid.backbones.small import SmallNet
from selfvid.cli.commands import main
from selfvid.detecting.detector import load_detector
from selfvid.detecting.evaluate import detect_eval
from selfvid.detecting.run import detect_run
from selfvid.detecting.streams import ParallelStreams
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.flow_input import FlowImage
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.flow.estimate import DIS
from tests.detecting.runs import train_run

pytestmark = pytest.mark.slow


def test_a_resumed_run_ends_with_the_same_weights(
    stream_encoder: Path, annotated: Path, store: Path, tmp_path: Path
) -> None:
    words: dict[str, Any] = {"steps": 7, "plan": {"checkpoint_every": 3}}
    whole = train_run(stream_encoder, annotated, tmp_path / "whole", store, **words)
    cut = tmp_path / "cut"
    shutil.copytree(whole, cut)
    for folder in ("detector", "encoder"):
        shutil.rmtree(cut / folder)
    (cut / "finished.txt").unlink()
    (cut / "checkpoints" / "step-00000006.ckpt").unlink()
    assert [path.name for path in (cut / "checkpoints").iterdir()] == ["step-00000003.ckpt"]
    train_run(stream_encoder, annotated, cut, store, resume=True, **words)
    weights = [(each / "detector" / "model.safetensors").read_bytes() for each in (whole, cut)]
    assert weights[0] == weights[1]


def test_the_layout_of_streams_changes_the_weights(
    stream_encoder: Path, annotated: Path, store: Path, tmp_path: Path
) -> None:
    found = set()
    for name, streams in {
        "clean": ParallelStreams(window=6),
        "published": ParallelStreams(window=6, reset="epoch", left_over="discard", shuffle=False),
    }.items():
        folder = train_run(
            stream_encoder, annotated, tmp_path / name, store, streams=streams, steps=5
        )
        found.add((folder / "detector" / "model.safetensors").read_bytes())
    assert len(found) == 2


def test_folds_share_no_group_and_detect_run_needs_the_number_of_one(
    stream_encoder: Path, annotated: Path, without_split: Path, store: Path, tmp_path: Path
) -> None:
    run = train_run(stream_encoder, without_split, tmp_path / "run", store, folds=2)
    tested = [load_detector(run / "folds" / str(n) / "detector").tested for n in (1, 2)]
    assert sorted(tested[0] + tested[1]) == [f"{number}.mp4" for number in range(8)]
    assert not {name[0] for name in tested[0]} & {name[0] for name in tested[1]}
    for part in tested:
        assert len({int(name[0]) // 2 for name in part}) * 2 == len(part)
    result = detect_eval(run, seeds=1, pictures=0, quiet=True)
    assert result.heading.startswith("8 test videos in 4 groups")
    with pytest.raises(InputError, match="fold is None and the run has 2 detectors"):
        detect_run(run, [annotated.parent / "0.mp4"], out=tmp_path / "found")


def test_a_problem_stops_the_run_or_is_repaired_and_written_down(
    stream_encoder: Path, annotated: Path, store: Path, tmp_path: Path
) -> None:
    faulty = annotated.with_name("faulty.csv")
    faulty.write_text(annotated.read_text() + "0.mp4,9,8,grey,train\nnone.mp4,0,1,grey,train\n")
    with pytest.raises(InputError, match="2 problems"):
        train_run(stream_encoder, faulty, tmp_path / "stopped", store)
    assert not (tmp_path / "stopped").exists()
    run = train_run(stream_encoder, faulty, tmp_path / "repaired", store, problems="repair")
    kept = (run / "problems.txt").read_text().splitlines()
    assert len(kept) == 2
    assert "'grey' from 9 to 8 s ends too early; left out" in kept[0]
    assert "none.mp4 cannot be read" in kept[1]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"assume": "nothing"}, "assume is 'nothing'"),
        ({"plan": {"devices": 2}}, "devices is 2; detect trains with 1"),
        ({"plan": {"compiled": True}}, "compiled is True; detect trains with False"),
        ({"labels": ["bright"]}, "problems .* with an unknown label"),
        ({"folds": 2}, "folds is 2 and the manifest has a split of its own"),
    ],
)
def test_a_wrong_option_is_refused_with_its_value(
    wrong: dict[str, Any],
    expected: str,
    stream_encoder: Path,
    annotated: Path,
    store: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError, match=expected):
        train_run(stream_encoder, annotated, tmp_path / "run", store, **wrong)
    assert not (tmp_path / "run").exists()


def test_clips_of_a_length_that_the_encoder_cannot_take_are_refused_before_training(
    annotated: Path, store: Path, tmp_path: Path
) -> None:
    three = ClipEncoder(Inflated(SmallNet(channels=1, stages=(8,)), frames=3))
    three.save(tmp_path / "three")
    expected = "frames is 8 and the encoder sees 3 at once; expected as many: --frames 3"
    with pytest.raises(InputError, match=expected):
        train_run(tmp_path / "three", annotated, tmp_path / "run", store)
    assert not (tmp_path / "run").exists()


def test_the_command_line_trains_with_the_papers_recipe(
    stream_encoder: Path,
    annotated: Path,
    store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    words = [
        "detect",
        "train",
        "--config",
        "montes2016_activitynet",
        "--encoder",
        str(stream_encoder),
    ]
    words += ["--annotations", str(annotated), "--out", str(out), "--features", str(store)]
    words += ["--training.steps", "1", "--training.batch", "3", "--head.hidden", "8", "--quiet"]
    words += ["--frames", "8", "--size", "32", "--streams.window", "4", "--assume", "one_at_a_time"]
    for command in (words, ["detect", "eval", str(out), "--seeds", "1", "--pictures", "0"]):
        with pytest.raises(SystemExit) as stopped:
            main(command)
        assert stopped.value.code == 0
    assert "mAP@0.5" in capsys.readouterr().out


def test_an_encoder_of_flow_is_given_flow(
    stream_encoder: Path, annotated: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    encoder = FrameEncoder(SmallNet(channels=3, stages=(4,), norm="none"), input=FlowImage())
    folder = encoder.save(tmp_path / "flow")
    with pytest.raises(InputError, match="takes optical flow of 2 channels and flow is not given"):
        train_run(folder, annotated, tmp_path / "a", tmp_path / "store")
    with pytest.raises(InputError, match="flow is given but the encoder takes pixels"):
        train_run(stream_encoder, annotated, tmp_path / "a", tmp_path / "store", flow="dis")
    fast = DIS("ultrafast")
    run = train_run(folder, annotated, tmp_path / "run", tmp_path / "store", flow=fast)
    detect_eval(run, pictures=0, seeds=1, quiet=True)  # with the flow of the run
    video = annotated.with_name("7.mp4")
    found = [
        detect_run(run, [video], out=tmp_path / name, flow=flow, draw=False, quiet=True)
        for name, flow in (("as trained", None), ("same", fast))
    ]
    assert found[0]["7"].labels == found[1]["7"].labels
