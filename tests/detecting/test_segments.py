from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from selfvid.detecting.segments import Ends, PostProcessing, Segment, runs, smoothed, video_scores
from selfvid.errors import InputError

RNG = np.random.default_rng(0)
LABELS = ("sit", "walk")
PLAIN = PostProcessing(smooth=0, alpha=0.5)


def spans(count: int) -> np.ndarray:
    """Clips of two seconds."""
    starts = 2.0 * np.arange(count)
    return np.stack((starts, starts + 2), 1)


def published(values: np.ndarray, k: int) -> np.ndarray:
    """The authors' loop: the upper end is clamped to the last index, and exclusive."""
    last = len(values) - 1
    means = []
    for i in range(len(values)):
        first, past = max(0, i - k), min(last, i + k)
        means.append(sum(values[j] for j in range(first, past)) / (past - first))
    return np.array(means)


@pytest.mark.parametrize("k", [1, 2, 5, 30])
@pytest.mark.parametrize("count", [2, 3, 12])
def test_the_published_filter_is_the_authors_loop(k: int, count: int) -> None:
    values = RNG.random((count, 3))
    np.testing.assert_allclose(smoothed(values, half=k, ends="published"), published(values, k))


def test_the_filter_by_hand() -> None:
    a, b, c, d = values = np.array([1.0, 2.0, 6.0, 11.0])
    whole = [a, (a + b) / 2, (b + c) / 2, (c + d) / 2]
    np.testing.assert_allclose(smoothed(values, half=1), whole)
    np.testing.assert_allclose(smoothed(values, half=1, ends="published"), [*whole[:3], c])
    np.testing.assert_allclose(
        smoothed(values, half=2), [(a + b) / 2, (a + b + c) / 3, values.mean(), (b + c + d) / 3]
    )


def test_the_last_clip_counts_only_where_the_ends_are_whole() -> None:
    values = np.zeros(9)
    values[-1] = 1.0
    assert smoothed(values, half=3, ends="published").max() == 0
    assert smoothed(values, half=3).max() == pytest.approx(1 / 4)


@pytest.mark.parametrize("ends", ["whole", "published"])
def test_one_clip_and_no_filter_change_nothing(ends: Ends) -> None:
    one, many = RNG.random((1, 3)), RNG.random((7, 3))
    assert np.array_equal(smoothed(one, half=5, ends=ends), one)
    assert np.array_equal(smoothed(many, half=0, ends=ends), many)


def test_runs_are_rows_of_true_values() -> None:
    for _ in range(20):
        active = RNG.random(11) < 0.5
        covered = np.zeros(11, bool)
        for first, past in runs(active):
            assert active[first:past].all()
            assert not active[first - 1 : first].any()
            assert not active[past : past + 1].any()
            covered[first:past] = True
        assert np.array_equal(covered, active)


def test_one_activity_of_a_video_names_all_its_segments() -> None:
    chances = np.array(  # background, sit, walk
        [[0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.9, 0.05, 0.05], [0.1, 0.0, 0.9]]
    )
    found = PLAIN.segments(chances, spans(4), labels=LABELS, assume="one_per_video")
    # walk: 0.3 + 0.6 + 0.05 + 0.9 over sit: 0.85; active where background is at most a half
    assert found == [
        Segment(0.0, 4.0, "walk", pytest.approx(0.45)),  # type: ignore[arg-type]
        Segment(6.0, 8.0, "walk", pytest.approx(0.9)),  # type: ignore[arg-type]
    ]


def test_where_one_follows_the_other_each_clip_has_its_own() -> None:
    chances = np.array([[0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.9, 0.05, 0.05], [0.1, 0.0, 0.9]])
    found = PLAIN.segments(chances, spans(4), labels=LABELS, assume="one_at_a_time")
    assert [(each.start, each.end, each.label) for each in found] == [
        (0.0, 2.0, "sit"),
        (2.0, 4.0, "walk"),
        (6.0, 8.0, "walk"),
    ]


def test_overlapping_activities_have_thresholds_of_their_own() -> None:
    chances = np.array([[0.6, 0.3], [0.6, 0.4], [0.4, 0.6]])
    post = PostProcessing(smooth=0, alpha=0.5, alphas={"walk": 0.35})
    found = post.segments(chances, spans(3), labels=LABELS, assume="overlapping")
    assert [(each.start, each.end, each.label) for each in found] == [
        (0.0, 4.0, "sit"),
        (2.0, 6.0, "walk"),
    ]
    assert [each.score for each in found] == [pytest.approx(0.6), pytest.approx(0.5)]


def test_a_clip_at_the_threshold_is_active() -> None:
    chances = np.array([[0.5, 0.5, 0.0]])
    assert PLAIN.segments(chances, spans(1), labels=LABELS, assume="one_at_a_time")


def test_a_whole_video_is_scored_without_background() -> None:
    chances = np.array([[0.5, 0.3, 0.2], [0.9, 0.1, 0.0]])
    expected = np.array([0.2, 0.1]) / 0.3
    np.testing.assert_allclose(video_scores(chances, "one_per_video"), expected)
    np.testing.assert_allclose(video_scores(chances, "overlapping"), [0.7, 0.2, 0.1])


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"smooth": -1}, "smooth is -1"),
        ({"alpha": 0.0}, "alpha of alpha is 0.0"),
        ({"alphas": {"walk": 2.0}}, "alpha of walk is 2.0"),
        ({"ends": "none"}, "ends is 'none'"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        PostProcessing(**wrong)  # type: ignore[arg-type]


def test_thresholds_of_single_activities_must_have_a_meaning() -> None:
    post = PostProcessing(alphas={"walk": 0.3})
    post.check(LABELS, "overlapping")
    with pytest.raises(InputError, match="has no meaning if activities are one_at_a_time"):
        post.check(LABELS, "one_at_a_time")
    with pytest.raises(InputError, match="alphas name 'walk'; expected some of sit"):
        post.check(("sit",), "overlapping")


def test_detections_are_in_activity_nets_scheme(evaluated: Path) -> None:
    plain = json.loads((evaluated / "detections.json").read_text())
    assert set(plain) == {"version", "results", "external_data"}
    assert set(plain["results"]) == {"6.mp4", "7.mp4"}
    lines = (evaluated / "detections.csv").read_text().splitlines()
    assert len(lines) == 1 + sum(map(len, plain["results"].values()))
    for found in plain["results"].values():
        scores = [each["score"] for each in found]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= each["segment"][0] < each["segment"][1] for each in found)
