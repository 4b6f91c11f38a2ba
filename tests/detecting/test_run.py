from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from selfvid.detecting.detector import load_detector
from selfvid.detecting.extract import StreamEncoder
from selfvid.detecting.run import _names, detect_in, detect_run
from selfvid.encoders.base import load_encoder
from selfvid.errors import InputError


def test_detect_run_finds_the_same_segments_as_detect_eval(
    evaluated: Path, annotated: Path, tmp_path: Path
) -> None:
    video = annotated.parent / "7.mp4"
    found = detect_run(evaluated, [video], out=tmp_path / "found", smooth=1, alpha=0.5, quiet=True)
    expected = json.loads((evaluated / "detections.json").read_text())["results"]["7.mp4"]
    mine = sorted(found["7"].segments, key=lambda each: -each.score)
    assert len(mine) == len(expected) > 0
    for segment, other in zip(mine, expected, strict=True):
        assert segment.label == other["label"]
        assert [segment.start, segment.end] == pytest.approx(other["segment"], abs=1e-3)
        assert segment.score == pytest.approx(other["score"], abs=1e-4)
    assert {path.name for path in (tmp_path / "found").iterdir()} == {
        "7.png",
        "detections.csv",
        "detections.json",
        "labels.json",
    }


def test_a_video_that_cannot_be_read_is_left_out_and_named(
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


def test_videos_with_the_same_name_are_refused() -> None:
    assert _names([Path("x/a.mp4"), Path("b.avi")]) == {"a": Path("x/a.mp4"), "b": Path("b.avi")}
    with pytest.raises(InputError, match=r"x/a\.mp4 and y/a\.avi would have one name"):
        _names([Path("x/a.mp4"), Path("y/a.avi")])
    with pytest.raises(InputError, match="videos are none; expected at least one"):
        _names([])


def test_a_video_shorter_than_a_clip_is_refused(run: Path, annotated: Path) -> None:
    detector = load_detector(run / "detector")
    encoder = StreamEncoder(
        load_encoder(run), frames=10_000, size=detector.size, device=torch.device("cpu")
    )
    with pytest.raises(InputError, match="is shorter than a clip of 10000 frames"):
        detect_in(encoder, detector, annotated.with_name("0.mp4"), quiet=True)


def test_an_output_folder_with_files_and_an_unknown_fold_are_refused(
    run: Path, annotated: Path, tmp_path: Path
) -> None:
    video = annotated.with_name("0.mp4")
    with pytest.raises(InputError, match="exists; expected a new folder"):
        detect_run(run, [video], out=annotated.parent, quiet=True)
    with pytest.raises(InputError, match="fold is 2 and the run has 1 detectors"):
        detect_run(run, [video], out=tmp_path / "found", fold=2, quiet=True)


def test_every_video_is_named_with_its_labels_and_a_silent_one_says_why(
    run: Path, annotated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = annotated.with_name("0.mp4")
    found = detect_run(run, [video], out=tmp_path / "found", alpha=1.0, draw=False)["0"]
    first, *others = capsys.readouterr().out.splitlines()
    assert not found.segments
    assert first.startswith(f"0: {found.labels[0].label} {found.labels[0].score:.2f}, ")
    assert first.endswith(f"goes on reaches {found.highest:.2f}, alpha is 1")
    assert others[-1].startswith("0 segments in 1 of 1 videos")
    written = json.loads((tmp_path / "found" / "labels.json").read_text())["results"]["0"]
    assert [each["label"] for each in written] == [each.label for each in found.labels]
