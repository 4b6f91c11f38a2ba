from __future__ import annotations

import numpy as np
import pytest

from selfvid.detecting.matching import (
    SegmentTable,
    average_precisions,
    hits,
    mean_average_precisions,
)

Line = tuple[int, int, float, float, float]


def overlap_of(a: Line, b: Line) -> float:
    shared = max(0.0, min(a[3], b[3]) - max(a[2], b[2]))
    return shared / ((a[3] - a[2]) + (b[3] - b[2]) - shared)


def activity_nets(found: list[Line], truth: list[Line], label: int, threshold: float) -> float:
    """The official procedure, written as loops: lock, precision, recall, interpolation."""
    mine = sorted((line for line in found if line[1] == label), key=lambda line: -line[4])
    true_ones = [line for line in truth if line[1] == label]
    locked: set[int] = set()
    precision, recall, right = [], [], 0
    for count, line in enumerate(mine, start=1):
        candidates = [
            (overlap_of(line, other), -at)
            for at, other in enumerate(true_ones)
            if other[0] == line[0]
        ]
        for overlap, at in sorted(candidates, reverse=True):
            if overlap < threshold:
                break
            if -at not in locked:
                locked.add(-at)
                right += 1
                break
        precision.append(right / count)
        recall.append(right / len(true_ones))
    area, before = 0.0, 0.0
    for at, reached in enumerate(recall):
        area += (reached - before) * max(precision[at:])
        before = reached
    return area


def lines(rng: np.random.Generator, count: int, *, videos: int = 4) -> list[Line]:
    starts, lengths = rng.uniform(0, 20, count), rng.uniform(1, 8, count)
    return [
        (int(rng.integers(videos)), int(rng.integers(3)), start, start + length, rng.random())
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)
    ]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5])
def test_average_precision_is_activity_nets(seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    found, truth = lines(rng, 60), lines(rng, 25)
    tables = SegmentTable.of(found), SegmentTable.of(truth)
    right = hits(*tables, overlap=threshold)
    assert right.any()
    each = average_precisions(*tables, right, labels=3, weights=np.ones((1, 4)))[0]
    expected = [activity_nets(found, truth, label, threshold) for label in range(3)]
    np.testing.assert_allclose(each, expected)


def test_a_true_segment_is_found_once() -> None:
    truth = SegmentTable.of([(0, 0, 0.0, 10.0, 1.0)])
    found = SegmentTable.of([(0, 0, 0.0, 9.0, 0.4), (0, 0, 0.0, 10.0, 0.3), (0, 0, 1.0, 10.0, 0.9)])
    assert hits(found, truth, overlap=0.5).tolist() == [False, False, True]


def test_segments_of_other_videos_and_activities_do_not_count() -> None:
    truth = SegmentTable.of([(0, 0, 0.0, 10.0, 1.0)])
    found = SegmentTable.of([(1, 0, 0.0, 10.0, 0.9), (0, 1, 0.0, 10.0, 0.9)])
    assert not hits(found, truth, overlap=0.1).any()


def test_a_drawn_video_counts_as_often_as_it_was_drawn() -> None:
    rng = np.random.default_rng(1)
    found, truth = lines(rng, 40, videos=3), lines(rng, 20, videos=3)
    tables = SegmentTable.of(found), SegmentTable.of(truth)
    drawn = [0, 0, 2]
    copies = [
        [(at, *line[1:]) for at, video in enumerate(drawn) for line in table if line[0] == video]
        for table in (found, truth)
    ]
    weights = np.array([[2.0, 0.0, 1.0]])
    right = hits(*tables, overlap=0.3)
    each = average_precisions(*tables, right, labels=3, weights=weights)[0]
    # Copies have one score, so that they share a rank, as a tie does.
    again = SegmentTable.of(copies[0]), SegmentTable.of(copies[1])
    expected = average_precisions(
        *again, hits(*again, overlap=0.3), labels=3, weights=np.ones((1, 3))
    )[0]
    np.testing.assert_allclose(each, expected)


def test_the_order_of_equal_scores_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    found = [(*line[:4], 0.5) for line in lines(rng, 40)]
    truth = SegmentTable.of(lines(rng, 20))

    def precision(some: list[Line]) -> float:
        table = SegmentTable.of(some)
        weights = np.ones((1, 4))
        return float(
            mean_average_precisions(table, truth, overlaps=(0.1,), labels=3, weights=weights)[0.1][
                0
            ]
        )

    by_video = sorted(found, key=lambda line: line[0])  # within a video the order is kept
    assert precision(found) == pytest.approx(precision(by_video))
