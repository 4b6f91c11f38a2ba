from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.backbones.inflated import Inflated
from selfvid.backbones.small import SmallNet
from selfvid.cli.commands import main
from selfvid.data.video.files import content_id
from selfvid.detecting import extract
from selfvid.detecting.detector import load_detector
from selfvid.detecting.evaluate import detect_eval
from selfvid.detecting.run import detect_run
from selfvid.detecting.streams import ParallelStreams
from selfvid.detecting.train import Shape, detect_train
from selfvid.encoders.base import Provenance
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.reports.page import read_page, report
from selfvid.training.schedule import Training

PLAN: dict[str, Any] = {"batch": 3, "warmup": 0, "rate": 0.01}
LEARNT = 80


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


def trained(stream_encoder: Path, annotated: Path, out: Path, shelf: Path, **more: Any) -> Path:
    training = Training(**{**PLAN, "steps": more.pop("steps", 2), **more.pop("plan", {})})
    streams = more.pop("streams", ParallelStreams(window=6))
    return detect_train(
        stream_encoder,
        annotated,
        out,
        features=shelf,
        frames=8,
        size=32,
        head=Shape(hidden=12, dropout=0.1),
        streams=streams,
        training=training,
        precision="float32",
        quiet=True,
        **more,
    )


@pytest.fixture(scope="session")
def run(
    stream_encoder: Path, annotated: Path, shelf: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A detector that has learnt."""
    return trained(
        stream_encoder, annotated, tmp_path_factory.mktemp("run") / "run", shelf, steps=LEARNT
    )


@pytest.fixture
def judged(run: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "judged"
    shutil.copytree(run, copy)
    detect_eval(copy, smooth=1, alpha=0.5, pictures=2, seeds=3, quiet=True)
    return copy


def test_what_can_be_seen_is_found(judged: Path) -> None:
    result = json.loads((judged / "result.json").read_text())
    detector, *baselines = result["rows"]
    assert detector["detection"]["0.5"]["mean"] > 0.9
    assert all(baseline["detection"]["0.5"]["mean"] < 0.5 for baseline in baselines)
    assert result["verdicts"][0].startswith("better than")
    assert {row["label"]: row["shown"] for row in result["activities"]} == {"bright": 4, "grey": 4}
    assert len(result["sweep"]) == 9
    assert result["protocol"]["command"].startswith(f"selfvid detect eval {judged} --smooth 1")


def test_detections_are_in_activity_nets_scheme(judged: Path) -> None:
    plain = json.loads((judged / "detections.json").read_text())
    assert set(plain) == {"version", "results", "external_data"}
    assert set(plain["results"]) == {"6.mp4", "7.mp4"}
    lines = (judged / "detections.csv").read_text().splitlines()
    assert len(lines) == 1 + sum(map(len, plain["results"].values()))
    for found in plain["results"].values():
        scores = [each["score"] for each in found]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= each["segment"][0] < each["segment"][1] for each in found)


def test_a_report_shows_it_all(judged: Path) -> None:
    page = read_page(judged)
    assert page.notes == ()
    own = page.evaluated
    assert own is not None
    assert (own.title, own.tone, len(own.images)) == ("Detection", "good", 2)
    assert [row[0] for row in own.tables[0][1].rows] == [
        "detector",
        "most frequent activity everywhere",
        "segments laid at random",
    ]
    assert "Detection: protocol" in report(judged, quiet=True).read_text()


def test_a_run_is_held_against_another_on_the_same_videos(
    judged: Path, stream_encoder: Path, annotated: Path, of_days: Path, shelf: Path, tmp_path: Path
) -> None:
    hasty = trained(stream_encoder, annotated, tmp_path / "hasty", shelf, steps=1)
    words: dict[str, Any] = {"smooth": 1, "alpha": 0.5, "pictures": 0, "seeds": 1, "quiet": True}
    plain = detect_eval(hasty, **words).rows[0]
    result = detect_eval(judged, against=[hasty, judged], **words)
    *_, other, itself = result.rows
    assert (other.name, other.detection) == (str(hasty), plain.detection)
    assert other.detector_over_it is not None
    assert other.detector_over_it["0.5"].low > 0
    assert itself.detector_over_it is not None
    assert itself.detector_over_it["0.5"].mean == 0
    assert result.verdicts[1].startswith(f"better than {hasty} at tIoU 0.5: +")
    assert result.verdicts[2].startswith(f"not resolved from {judged} at tIoU 0.5: ")
    assert str(hasty) in report(judged, quiet=True).read_text()
    by_day = trained(stream_encoder, of_days, tmp_path / "by_day", shelf, folds=2)
    with pytest.raises(InputError, match=r"was tested on 8 videos .* expected 2 of bright, grey"):
        detect_eval(judged, against=by_day, **words)
    with pytest.raises(InputError, match=r"was not tested on '\d.mp4' with the same annotations"):
        detect_eval(by_day, against=judged, **words)


def test_the_report_of_a_run_that_was_not_judged_says_how_to(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    text = report(copy, quiet=True).read_text()
    assert f"selfvid detect eval {copy}" in text
    assert f"selfvid detect train --config {copy}/recipe.yaml" in text
    assert "selfvid pretrain" not in text


def test_a_damaged_result_is_noted(judged: Path) -> None:
    path = judged / "result.json"
    whole = json.loads(path.read_text())
    for name in ("rows", "sweep", "activities", "pictures"):
        path.write_text(json.dumps(whole | {name: 3}))
        page = read_page(judged)  # a note, never a traceback
        assert page.evaluated is None
        assert len(page.notes) == 1


def test_running_on_a_file_finds_what_the_test_found(
    judged: Path, annotated: Path, tmp_path: Path
) -> None:
    video = annotated.parent / "7.mp4"
    found = detect_run(judged, [video], out=tmp_path / "found", smooth=1, alpha=0.5, quiet=True)
    expected = json.loads((judged / "detections.json").read_text())["results"]["7.mp4"]
    mine = sorted(found["7"], key=lambda each: -each.score)
    assert len(mine) == len(expected) > 0
    for segment, other in zip(mine, expected, strict=True):
        assert segment.label == other["label"]
        assert [segment.start, segment.end] == pytest.approx(other["segment"], abs=1e-3)
        assert segment.score == pytest.approx(other["score"], abs=1e-4)
    assert {path.name for path in (tmp_path / "found").iterdir()} == {
        "7.png",
        "detections.csv",
        "detections.json",
    }


def test_what_cannot_be_read_is_left_out_by_name(
    run: Path, annotated: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video" * 100)
    good = annotated.parent / "0.mp4"
    found = detect_run(run, [broken, good], out=tmp_path / "found", draw=False, quiet=True)
    assert set(found) == {"0"}
    assert str(broken) in caplog.text
    with pytest.raises(InputError, match="none of 1 videos could be read"):
        detect_run(run, [broken], out=tmp_path / "none", quiet=True)
    assert not (tmp_path / "none").exists()


def test_a_resumed_run_ends_with_the_same_weights(
    stream_encoder: Path, annotated: Path, shelf: Path, tmp_path: Path
) -> None:
    words: dict[str, Any] = {"steps": 7, "plan": {"checkpoint_every": 3}}
    whole = trained(stream_encoder, annotated, tmp_path / "whole", shelf, **words)
    cut = tmp_path / "cut"
    shutil.copytree(whole, cut)
    for folder in ("detector", "encoder"):
        shutil.rmtree(cut / folder)
    (cut / "checkpoints" / "step-00000006.ckpt").unlink()
    assert [path.name for path in (cut / "checkpoints").iterdir()] == ["step-00000003.ckpt"]
    trained(stream_encoder, annotated, cut, shelf, resume=True, **words)
    weights = [(each / "detector" / "model.safetensors").read_bytes() for each in (whole, cut)]
    assert weights[0] == weights[1]


def test_the_layout_of_lanes_changes_what_is_learnt(
    stream_encoder: Path, annotated: Path, shelf: Path, tmp_path: Path
) -> None:
    found = set()
    for name, streams in {
        "clean": ParallelStreams(window=6),
        "published": ParallelStreams(window=6, reset="epoch", left_over="discard", shuffle=False),
    }.items():
        folder = trained(
            stream_encoder, annotated, tmp_path / name, shelf, streams=streams, steps=5
        )
        found.add((folder / "detector" / "model.safetensors").read_bytes())
    assert len(found) == 2


def test_vectors_that_are_kept_are_not_made_again(
    run: Path,
    stream_encoder: Path,
    annotated: Path,
    shelf: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del run  # has left them

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a video was decoded")

    monkeypatch.setattr(extract, "ClipStream", never)
    trained(stream_encoder, annotated, tmp_path / "again", shelf)


@pytest.fixture(scope="session")
def of_days(annotated: Path) -> Path:
    """The same videos without a split, two of each day."""
    bare = annotated.with_name("bare.csv")
    head, *lines = [line.rpartition(",")[0] for line in annotated.read_text().splitlines()]
    days = [f"{line},day {int(line[0]) // 2}" for line in lines]
    bare.write_text("\n".join([f"{head},group", *days]) + "\n")
    return bare


def test_folds_share_no_group_and_run_asks_for_one(
    stream_encoder: Path, annotated: Path, of_days: Path, shelf: Path, tmp_path: Path
) -> None:
    run = trained(stream_encoder, of_days, tmp_path / "run", shelf, folds=2)
    tested = [load_detector(run / "folds" / str(n) / "detector").tested for n in (1, 2)]
    assert sorted(tested[0] + tested[1]) == [f"{number}.mp4" for number in range(8)]
    assert not {name[0] for name in tested[0]} & {name[0] for name in tested[1]}
    for part in tested:
        assert len({int(name[0]) // 2 for name in part}) * 2 == len(part)
    result = detect_eval(run, seeds=1, pictures=0, quiet=True)
    assert result.heading.startswith("8 test videos in 4 groups")
    with pytest.raises(InputError, match="fold is None and the run has 2 detectors"):
        detect_run(run, [annotated.parent / "0.mp4"], out=tmp_path / "found")


def first_stage(folder: Path, footage: list[list[Path]]) -> Path:
    """A run whose folds have learnt from these videos."""
    for number, videos in enumerate(footage, start=1):
        torch.manual_seed(number)
        encoder = FrameEncoder(SmallNet(channels=1, stages=(8,), norm="none"))
        known = tuple(map(content_id, videos))
        encoder.provenance = Provenance(footage=known, labelled=known)
        encoder.save(folder / "folds" / str(number) / "encoder")
    return folder


@pytest.fixture(scope="session")
def in_two_folds(
    stream_encoder: Path, of_days: Path, shelf: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return trained(
        stream_encoder, of_days, tmp_path_factory.mktemp("folds") / "run", shelf, folds=2
    )


@pytest.fixture(scope="session")
def known(in_two_folds: Path, of_days: Path) -> list[list[Path]]:
    """The training videos of each of two folds."""
    detectors = [load_detector(in_two_folds / "folds" / n / "detector") for n in "12"]
    return [[of_days.with_name(name) for name in each.trained] for each in detectors]


def test_of_a_run_of_folds_every_detector_has_the_encoder_of_its_own(
    known: list[list[Path]], of_days: Path, shelf: Path, tmp_path: Path
) -> None:
    stage = first_stage(tmp_path / "stage", known)
    run = trained(stage, of_days, tmp_path / "run", shelf, folds=2, steps=LEARNT)
    weights = [
        (folder / "folds" / str(n) / "encoder" / "model.safetensors").read_bytes()
        for folder in (stage, run)
        for n in (1, 2)
    ]
    assert weights[:2] == weights[2:]
    assert len(set(weights)) == 2
    result = detect_eval(run, smooth=0, alpha=0.5, seeds=1, pictures=0, quiet=True)
    assert result.rows[0].detection["0.5"].mean > 0.8
    assert any("none of the 8 test videos" in said for said in result.verdicts)
    video = of_days.with_name("0.mp4")
    fold = next(n for n in (1, 2) if video not in known[n - 1])
    out = tmp_path / "found"
    found = detect_run(run, [video], out=out, fold=fold, smooth=0, alpha=0.5, quiet=True)
    plain_result = json.loads((run / "detections.json").read_text())["results"]["0.mp4"]
    assert [segment.label for segment in sorted(found["0"], key=lambda each: -each.score)] == [
        each["label"] for each in plain_result
    ]


def test_a_run_whose_folds_share_one_encoder_hands_it_on(
    in_two_folds: Path, stream_encoder: Path, annotated: Path, shelf: Path, tmp_path: Path
) -> None:
    again = trained(in_two_folds, annotated, tmp_path / "again", shelf)
    weights = [
        (each / "model.safetensors").read_bytes() for each in (stream_encoder, again / "encoder")
    ]
    assert weights[0] == weights[1]


def test_encoders_of_other_folds_are_refused(
    known: list[list[Path]], of_days: Path, shelf: Path, tmp_path: Path
) -> None:
    swapped = first_stage(tmp_path / "swapped", known[::-1])
    with pytest.raises(
        InputError, match=r"fold 1 of encoder .* was taught the labels of '\d.mp4', which"
    ):
        trained(swapped, of_days, tmp_path / "run", shelf, folds=2)
    with pytest.raises(InputError, match="has 2 folds and the annotations have 4"):
        trained(swapped, of_days, tmp_path / "run", shelf, folds=4)
    assert not (tmp_path / "run").exists()


def test_activities_may_overlap(
    stream_encoder: Path, annotated: Path, shelf: Path, tmp_path: Path
) -> None:
    run = trained(
        stream_encoder, annotated, tmp_path / "run", shelf, assume="overlapping", steps=LEARNT
    )
    result = detect_eval(
        run, smooth=0, alpha=0.5, alphas={"grey": 0.4}, seeds=1, pictures=1, quiet=True
    )
    assert result.rows[0].detection["0.5"].mean > 0.8


def test_a_problem_stops_or_is_repaired_and_kept(
    stream_encoder: Path, annotated: Path, shelf: Path, tmp_path: Path
) -> None:
    faulty = annotated.with_name("faulty.csv")
    faulty.write_text(annotated.read_text() + "0.mp4,9,8,grey,train\nnone.mp4,0,1,grey,train\n")
    with pytest.raises(InputError, match="2 problems"):
        trained(stream_encoder, faulty, tmp_path / "stopped", shelf)
    assert not (tmp_path / "stopped").exists()
    run = trained(stream_encoder, faulty, tmp_path / "repaired", shelf, problems="repair")
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
def test_what_a_user_gets_wrong_is_told(
    wrong: dict[str, Any],
    expected: str,
    stream_encoder: Path,
    annotated: Path,
    shelf: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError, match=expected):
        trained(stream_encoder, annotated, tmp_path / "run", shelf, **wrong)
    assert not (tmp_path / "run").exists()


def test_clips_of_a_length_that_the_encoder_cannot_see_are_refused_before_anything_is_made(
    annotated: Path, shelf: Path, tmp_path: Path
) -> None:
    three = ClipEncoder(Inflated(SmallNet(channels=1, stages=(8,)), frames=3))
    three.save(tmp_path / "three")
    expected = "frames is 8 and the encoder sees 3 at once; expected as many: --frames 3"
    with pytest.raises(InputError, match=expected):
        trained(tmp_path / "three", annotated, tmp_path / "run", shelf)
    assert not (tmp_path / "run").exists()


def test_a_detector_of_another_kind_is_refused(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    config = copy / "detector" / "config.json"
    plain = json.loads(config.read_text())
    for wrong in ({"labels": ["one"]}, {"size": 3}, {"assume": "none"}, {"precision": "all"}):
        config.write_text(json.dumps(plain | wrong))
        with pytest.raises(InputError, match="config in"):
            load_detector(copy / "detector")
    with pytest.raises(InputError, match="is no finished run"):
        detect_eval(tmp_path)


def test_the_command_line_trains_with_the_papers_recipe(
    stream_encoder: Path,
    annotated: Path,
    shelf: Path,
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
    words += ["--annotations", str(annotated), "--out", str(out), "--features", str(shelf)]
    words += ["--training.steps", "1", "--training.batch", "3", "--head.hidden", "8", "--quiet"]
    words += ["--frames", "8", "--size", "32", "--streams.window", "4", "--assume", "one_at_a_time"]
    for command in (words, ["detect", "eval", str(out), "--seeds", "1", "--pictures", "0"]):
        with pytest.raises(SystemExit) as stopped:
            main(command)
        assert stopped.value.code == 0
    assert "mAP@0.5" in capsys.readouterr().out
