import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import segment_id
from selfvid.finetuning.result import FinetuneResult, SecondResult, groups_of
from selfvid.finetuning.second_set import SecondData
from selfvid.finetuning.testing import ClipHits
from selfvid.results.scores import Scores


def test_five_of_five_classes_are_no_figure(tmp_path: Path) -> None:
    scores = Scores(
        videos=("a", "b", "c"),
        labels=np.array([0, 1, 4]),
        classes=tuple("vwxyz"),
        probabilities=np.eye(5)[:3],
    )
    result = FinetuneResult.of(
        scores,
        ClipHits(clips=12, right=3),
        heading="",
        groups=(0, 1, 2),
        footage={"tested": 3, "seen": 0, "same_group": 0, "known": False},
        protocol={"seed": 0},
        path=tmp_path,
    )
    assert result.hit_at_5 is None
    assert "25.0 % of 12 single clips (clip hit@1)" in result.verdicts


def drawn_scores(*, videos: int, classes: int, seed: int = 0) -> Scores:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(classes), size=videos)
    names = tuple(f"v{number}" for number in range(videos))
    labels = rng.integers(classes, size=videos)
    return Scores(names, labels, tuple("abcdefghij"[:classes]), shares)


def test_the_figures_are_those_of_counting_by_hand(tmp_path: Path) -> None:
    scores = drawn_scores(videos=40, classes=7)
    result = FinetuneResult.of(
        scores,
        ClipHits(clips=80, right=20),
        heading="what",
        groups=range(40),
        footage={"tested": 40, "seen": 0, "same_group": 0, "known": True},
        protocol={"seed": 0},
        path=tmp_path,
    )
    order = np.argsort(-scores.probabilities, axis=1)
    ranks = [row.tolist().index(y) for row, y in zip(order, scores.labels.tolist(), strict=True)]
    assert result.accuracy.mean == pytest.approx(sum(rank == 0 for rank in ranks) / 40)
    within_five = sum(rank < 5 for rank in ranks) / 40
    assert result.hit_at_5 == pytest.approx(within_five)
    counts = [scores.labels.tolist().count(label) for label in range(7)]
    assert result.largest_class == max(counts) / 40
    assert result.confusion.sum(1).tolist() == counts
    assert result.clip_hit_at_1 == 0.25
    assert any(f"{100 * within_five:.1f} % (hit@5)" in verdict for verdict in result.verdicts)
    assert str(result).startswith("what\n\n")
    written = json.loads(result.write().read_text())
    assert written["kind"] == "selfvid finetune"
    assert written["accuracy"]["mean"] == pytest.approx(result.accuracy.mean)


def test_the_second_result_is_over_the_tests_of_all_networks(digits_manifest: Path) -> None:
    data = SecondData(data=str(digits_manifest), label="direction")
    ids = tuple(row.video for row in data.videos.rows)
    labels = data.videos.labels("direction", classes=data.classes)
    count = len(data.classes)
    right = Scores(ids, labels, data.classes, np.eye(count)[labels])
    wrong = Scores(ids, labels, data.classes, np.eye(count)[(labels + 1) % count])
    result = SecondResult.of([right, right, wrong], data, seed=0)
    assert result.accuracy.mean == pytest.approx(2 / 3)
    assert result.videos == len(ids)
    assert result.confusion.sum() == 3 * len(ids)
    assert result.confusion.trace() == 2 * len(ids)
    np.testing.assert_allclose(result.per_class, 2 / 3)


def test_segments_of_a_video_have_its_group(digits_manifest: Path) -> None:
    videos = Manifest.read(digits_manifest)
    first, second, third = videos.rows[:3]
    rows = (
        dataclasses.replace(first, start=0.0, end=0.1, group="x"),
        dataclasses.replace(first, start=0.1, end=0.2, group="x"),
        dataclasses.replace(second, group="y"),
        dataclasses.replace(third, group="x"),
    )
    ids = [segment_id(row) for row in rows]
    one, two, three, four = groups_of(Manifest(rows, videos.root), [ids[3], *ids[:3]])
    assert one == two == three != four
