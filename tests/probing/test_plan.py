from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfvid.comparing.command import compare
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.manifest.splits import folds
from selfvid.errors import InputError
from selfvid.probing.baselines.histograms.describe import Described, describe_videos
from selfvid.probing.command import probe
from selfvid.probing.plan import Plan
from selfvid.results.scores import Scores
from tests.probing.footage import FAST, an_encoder, write_drifts

pytestmark = pytest.mark.slow

FEW: dict[str, Any] = FAST | {"seeds": 1, "label_curve": (), "motion": False}


@pytest.fixture(scope="module")
def drifts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drifts(tmp_path_factory.mktemp("drifts"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoders") / "mine"
    return an_encoder(size=(32, 48), frames=6).save(folder)


def a_plan(**changes: Any) -> Plan:
    settings: dict[str, Any] = {
        "label": "label",
        "folds": 2,
        "seeds": 2,
        "seed": 0,
        "counts": (),
        "motion": True,
        "baselines": (),
        "histograms": False,
        "tracks": False,
        "flow": None,
        "allow": (),
    }
    return Plan(**(settings | changes))


def test_only_usable_videos_with_a_label_are_classified() -> None:
    rows = (
        Row(path="a.mp4", video="1", label="left"),
        Row(path="b.mp4", video="2", label="left", status="bad", error="torn"),
        Row(path="c.mp4", video="3"),
        Row(path="d.mp4", video="4", label="right"),
        Row(path="e.mp4", video="5", label="left"),
        Row(path="f.mp4", video="6", label="right"),
    )
    found = a_plan().labelled(Manifest(rows, Path()))
    assert [row.path for row in found.rows] == ["a.mp4", "d.mp4", "e.mp4", "f.mp4"]
    with pytest.raises(InputError, match="manifest has no usable video among 1 rows"):
        a_plan().labelled(Manifest(rows[1:2], Path()))


def test_a_task_keeps_groups_together_and_tests_every_video_once() -> None:
    rows = tuple(
        Row(path=f"{n}.mp4", video=str(n), label="ab"[n % 2], group=f"g{n // 2}") for n in range(12)
    )
    task = a_plan(folds=3, seed=4).task(Manifest(rows, Path()))
    assert task.classes == ("a", "b")
    assert task.labels.tolist() == [0, 1] * 6
    assert task.tested.tolist() == list(range(12))
    assert task.seed == 4
    for fold in task.folds:
        assert not set(task.groups[fold.train]) & set(task.groups[fold.test])


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"seeds": 0}, "seeds is 0"), ({"counts": (3, 0)}, r"label_curve is \[3, 0\]; expected 1")],
)
def test_numbers_that_are_not_positive_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        a_plan(**changes)


def test_histograms_of_hand_made_words_are_one_more_baseline(
    encoder: Path, drifts: Path, tmp_path: Path
) -> None:
    found = probe(encoder, drifts, histograms=True, out=tmp_path / "a", **FEW)
    assert [row.name for row in found.rows] == [
        "encoder",
        "random weights",
        "metadata",
        "feature histograms",
        "chance (largest class)",
    ]
    row = found.row("feature histograms")
    assert row.accuracy.mean > 0.9  # its words tell motion to the left from motion to the right
    assert row.accuracy.low <= row.accuracy.mean <= row.accuracy.high
    assert len(row.chosen[0]) == 3
    assert any("the feature histograms baseline" in verdict for verdict in found.verdicts)
    scores = Scores.read(tmp_path / "a" / "scores_histograms.csv")
    assert (scores.predicted == scores.labels).mean() == pytest.approx(row.accuracy.mean)
    protocol = json.loads((tmp_path / "a" / "result.json").read_text())["protocol"]
    assert protocol["histograms"]["flow"].startswith("estimated")
    assert "--histograms true" in protocol["command"]
    shown = compare(tmp_path / "a", tmp_path / "a" / "scores_histograms.csv", quiet=True)
    assert "scores_histograms.csv" in str(shown)

    probe(encoder, drifts, out=tmp_path / "a", **FEW)
    assert not (tmp_path / "a" / "scores_histograms.csv").exists()


def test_words_along_tracks_are_part_of_the_histograms(
    encoder: Path, drifts: Path, tmp_path: Path
) -> None:
    found = probe(encoder, drifts, histograms=True, tracks=True, out=tmp_path, **FEW)
    assert found.row("feature histograms").accuracy.mean > 0.9
    protocol = json.loads((tmp_path / "result.json").read_text())["protocol"]
    assert "16 frames" in protocol["histograms"]["tracks"]
    with pytest.raises(InputError, match="tracks is true and histograms false"):
        probe(encoder, drifts, tracks=True, out=tmp_path / "b", **FEW)


def test_a_video_that_histograms_cannot_read_is_left_out_everywhere(
    encoder: Path, drifts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(videos: Manifest, *given: Any, **options: Any) -> Described:
        made = describe_videos(videos, *given, **options)
        return Described((*made.videos[:5], None, *made.videos[6:]), ("take: torn",))

    monkeypatch.setattr("selfvid.probing.plan.describe_videos", failing)
    found = probe(encoder, drifts, histograms=True, out=tmp_path, **FEW)
    assert found.protocol["data"]["tested"] == 19
    assert found.protocol["left_out"] == ("take: torn",)
    scores = Scores.read(tmp_path / "scores.csv")
    assert Manifest.read(drifts).rows[5].video not in scores.videos


def test_each_fold_is_judged_by_its_own_encoder(drifts: Path, tmp_path: Path) -> None:
    """As if the encoder of every fold had been probed alone and only its own fold counted."""
    whole = Manifest.read(drifts)
    parts = folds(whole, folds=2)
    run = tmp_path / "run"
    for number, fold in enumerate(parts, start=1):
        seen = tuple(row.video for row in whole.select(fold.train).rows)
        kept = run / "folds" / str(number)
        an_encoder(seed=number, size=(32, 48), frames=6, footage=seen).save(kept / "encoder")
        an_encoder(seed=9, size=(32, 48), frames=6).save(kept / "encoder_at_start")
    few = FEW | {"folds": 2, "motion": True}
    found = probe(run, drifts, **few)
    assert found.path == run / "probe"
    assert found.footage.seen == 0
    assert any("inductive: none of" in words for words in found.verdicts)
    scores = Scores.read(run / "probe" / "scores.csv")
    for number, fold in enumerate(parts, start=1):
        alone = run / "folds" / str(number) / "encoder"
        probe(alone, drifts, out=tmp_path / str(number), **(few | {"motion": False}))
        expected = Scores.read(tmp_path / str(number) / "scores.csv")
        np.testing.assert_array_equal(
            scores.probabilities[fold.test], expected.probabilities[fold.test]
        )
    assert not np.array_equal(scores.probabilities, expected.probabilities)
    names = [row.name for row in found.rows]
    assert names[:3] == ["encoder", "encoder at start", "random weights"]
    assert len(found.row("encoder").repeat_accuracies) == 1
    assert len(found.protocol["encoder"]["folds"]) == 2
    assert found.motion is not None

    with pytest.raises(
        InputError, match=r"has encoders of 2 folds, and the manifest is tested in 3"
    ):
        probe(run, drifts, **(few | {"folds": 3}))
    (run / "folds" / "1").rename(run / "folds" / "3")
    with pytest.raises(
        InputError, match=r"encoder of fold 1 of 2, .*was trained on \d+ of the \d+"
    ):
        probe(run, drifts, **few)
