from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfvid.comparing.command import compare
from selfvid.data.manifest.manifest import Manifest, Row
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
