import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import EvenClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.splits import Fold
from selfvid.encoders.base import load_encoder
from selfvid.finetuning.classifier import load_classifier
from selfvid.finetuning.second_folds import SecondFolds
from selfvid.finetuning.second_set import SecondData
from selfvid.heads.average import Average
from selfvid.reports.page import read_page, report
from selfvid.results.scores import Scores
from selfvid.types import ClipBatch
from tests.finetuning.second import trained
from tests.finetuning.tuned import settings_of, tanh_encoder


def test_the_second_head_is_saved_and_scores_its_own_test_part(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    second = SecondData(data=str(other_manifest), label="side")
    result = trained(digits_manifest, run, second=second)
    loaded = load_classifier(run, head="second_head")
    assert loaded.classes == ("left", "other")
    assert len(load_classifier(run).classes) == 8
    others = Manifest.read(other_manifest)
    test = others.select([row.split == "test" for row in others.rows])
    scores = Scores.read(run / "scores_second.csv")
    assert scores.videos == tuple(row.video for row in test.rows)
    clips = ClipDataset(test, EvenClips(frames=2, clips=2), size=(32, 32))
    for place, probabilities in enumerate(scores.probabilities):
        batch = ClipBatch.of(clips[place].clips)
        with torch.no_grad():
            by_hand = loaded.classifier(batch.frames)[0].probabilities.mean(0)
        np.testing.assert_allclose(probabilities, by_hand.numpy(), atol=1e-5)
    right = scores.predicted == np.array([("left", "other").index(s) for s in test.column("side")])
    assert result.second is not None
    assert result.second.accuracy.mean == pytest.approx(right.mean())
    assert result.second.confusion.sum() == len(test)
    written = json.loads((run / "result.json").read_text())
    assert written["second"]["accuracy"]["mean"] == pytest.approx(right.mean())
    assert written["protocol"]["second"]["folds"] == [
        {"train": len(others) - len(test), "test": len(test),
         "train_left_out": 0, "test_left_out": 0}
    ]  # fmt: skip
    assert f"of {len(test)} test videos of {other_manifest} classified correctly" in str(result)
    assert "multi-task with side of 24 rows" in result.heading


def test_the_report_shows_the_results_of_both_data_sets(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    second = SecondData(data=str(other_manifest), label="side")
    trained(digits_manifest, tmp_path / "run", second=second, plan={"steps": 20})
    page = report(tmp_path / "run", quiet=True).read_text()
    assert "multi-task with side of 24 rows" in page
    assert "Second data set, by class" in page
    assert "second head: " in page
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    wanted = {"loss", "first_loss", "second_loss", "accuracy", "second_accuracy"}
    assert all(wanted <= set(json.loads(line)) for line in lines)


@pytest.mark.parametrize("damaged", [3, "words", [], {}, {"classes": ["a"], "per_class": None}])
def test_a_damaged_second_result_is_a_note_on_the_page(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path, damaged: Any
) -> None:
    second = SecondData(data=str(other_manifest), label="side")
    written = trained(digits_manifest, tmp_path / "run", second=second).path / "result.json"
    assert read_page(written.parent).notes == ()
    written.write_text(json.dumps(json.loads(written.read_text()) | {"second": damaged}))
    (note,) = read_page(written.parent).notes
    assert note.startswith("result.json: not as selfvid writes it (")


def test_what_the_first_tests_on_is_not_trained_on_through_the_second(
    digits_manifest: Path, same_footage: Path, tmp_path: Path
) -> None:
    second = SecondData(data=str(same_footage), label="side")
    result = trained(digits_manifest, tmp_path / "run", second=second)
    whole = Manifest.read(digits_manifest)
    tested = {row.video for row in whole.rows if row.split == "test"}
    past = load_encoder(tmp_path / "run").provenance
    assert set(past.footage) == {row.video for row in whole.rows} - tested
    assert "trained on two data sets at once" in past.notes
    (fold,) = result.protocol["second"]["folds"]
    assert fold == {
        "train": len(whole) - len(tested), "test": 0,
        "train_left_out": len(tested), "test_left_out": 0,
    }  # fmt: skip
    assert f"{len(tested)} training rows of the second data set were left out" in str(result)
    assert result.second is None
    assert "second head: not tested" in str(result)


def test_every_fold_of_the_first_trains_and_tests_the_second(
    same_footage: Path, other_manifest: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    second = SecondData(data=str(other_manifest), label="side")
    result = trained(same_footage, run, second=second, folds=2)
    parts = [Scores.read(run / "folds" / n / "scores_second.csv") for n in ("1", "2")]
    assert result.second is not None
    assert parts[0].videos == parts[1].videos
    assert result.second.videos == len(parts[0].videos)
    right = [np.mean(part.predicted == part.labels) for part in parts]
    assert result.second.accuracy.mean == pytest.approx(np.mean(right))
    assert result.second.confusion.sum() == 2 * result.second.videos
    assert load_classifier(run / "folds" / "2", head="second_head").classes == ("left", "other")


def test_each_fold_has_its_own_part_and_no_second_data_set_has_none(
    digits_manifest: Path, same_footage: Path
) -> None:
    videos = Manifest.read(digits_manifest)
    places = np.arange(len(videos))
    folds = [Fold(places[places % 4 != rest], places[places % 4 == rest], "") for rest in (0, 1)]
    assert SecondFolds.of(settings_of(digits_manifest), videos, folds) is None
    encoder = tanh_encoder()
    settings = settings_of(
        digits_manifest,
        encoder=encoder,
        second=SecondData(data=str(same_footage), label="side"),
        second_head=Average(encoder.widths, 2),
    )
    found = SecondFolds.of(settings, videos, folds)
    assert found is not None
    for fold, part in zip(folds, found.parts, strict=True):
        trained_on = [videos.rows[place].video for place in fold.train]
        assert [row.video for row in part.train.rows] == trained_on
        assert (part.train_left_out, part.test) == (8, None)
