from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from selfvid.detecting.detector import Detector, load_detector
from selfvid.detecting.evaluate import detect_eval
from selfvid.detecting.run import detect_run
from selfvid.errors import InputError
from selfvid.heads.detection import ActivityDetector
from selfvid.types import Widths
from tests.detecting.runs import LEARNT, first_stage, train_run


def test_the_detector_of_each_fold_uses_the_encoder_of_that_fold(
    train_videos: list[list[Path]], without_split: Path, store: Path, tmp_path: Path
) -> None:
    stage = first_stage(tmp_path / "stage", train_videos)
    run = train_run(stage, without_split, tmp_path / "run", store, folds=2, steps=LEARNT)
    weights = [
        (folder / "folds" / str(n) / "encoder" / "model.safetensors").read_bytes()
        for folder in (stage, run)
        for n in (1, 2)
    ]
    assert weights[:2] == weights[2:]
    assert len(set(weights)) == 2
    result = detect_eval(run, smooth=0, alpha=0.5, seeds=1, pictures=0, quiet=True)
    assert result.rows[0].detection["0.5"].mean > 0.8
    assert any("none of the 8 test videos" in verdict for verdict in result.verdicts)
    video = without_split.with_name("0.mp4")
    fold = next(n for n in (1, 2) if video not in train_videos[n - 1])
    out = tmp_path / "found"
    found = detect_run(run, [video], out=out, fold=fold, smooth=0, alpha=0.5, quiet=True)
    plain_result = json.loads((run / "detections.json").read_text())["results"]["0.mp4"]
    assert [
        segment.label for segment in sorted(found["0"].segments, key=lambda each: -each.score)
    ] == [each["label"] for each in plain_result]


def test_a_run_whose_folds_share_one_encoder_can_be_the_encoder_of_another_run(
    in_two_folds: Path, stream_encoder: Path, annotated: Path, store: Path, tmp_path: Path
) -> None:
    again = train_run(in_two_folds, annotated, tmp_path / "again", store)
    weights = [
        (each / "model.safetensors").read_bytes() for each in (stream_encoder, again / "encoder")
    ]
    assert weights[0] == weights[1]


def test_encoders_of_other_folds_are_refused(
    train_videos: list[list[Path]], without_split: Path, store: Path, tmp_path: Path
) -> None:
    swapped = first_stage(tmp_path / "swapped", train_videos[::-1])
    with pytest.raises(
        InputError, match=r"fold 1 of encoder .* was trained with the labels of '\d.mp4', which"
    ):
        train_run(swapped, without_split, tmp_path / "run", store, folds=2)
    with pytest.raises(InputError, match="has 2 folds and the annotations have 4"):
        train_run(swapped, without_split, tmp_path / "run", store, folds=4)
    assert not (tmp_path / "run").exists()


def test_a_damaged_config_is_refused(run: Path, tmp_path: Path) -> None:
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


def small_detector() -> Detector:
    torch.manual_seed(0)
    return Detector(
        head=ActivityDetector(Widths(clip=4, steps=4), 2, hidden=5).eval(),
        labels=("sit", "walk"),
        assume="one_at_a_time",
        frames=8,
        size=(16, 24),
        precision="float32",
        trained=("a.mp4",),
        tested=("b.mp4", "c.mp4"),
    )


def test_the_size_of_blocks_does_not_change_the_probabilities() -> None:
    detector = small_detector()
    vectors = torch.rand(9, 4, generator=torch.Generator().manual_seed(0))
    whole = detector.chances([vectors], clips=9)
    for size in (1, 4):
        np.testing.assert_allclose(
            detector.chances(vectors.split(size), clips=9), whole, rtol=1e-5, atol=1e-7
        )
    np.testing.assert_allclose(whole.sum(1), 1, rtol=1e-6)
    with pytest.raises(ValueError, match="9 vectors for 10 clips"):
        detector.chances([vectors], clips=10)


def test_a_saved_detector_is_the_same_when_it_is_loaded(tmp_path: Path) -> None:
    detector = small_detector()
    again = load_detector(detector.save(tmp_path / "detector"))
    vectors = torch.rand(3, 4, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(
        again.chances([vectors], clips=3), detector.chances([vectors], clips=3)
    )
    for name in ("labels", "assume", "frames", "size", "precision", "trained", "tested"):
        assert getattr(again, name) == getattr(detector, name)
