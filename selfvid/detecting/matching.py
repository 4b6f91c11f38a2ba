"""Detected segments held against true ones, as ActivityNet does: mean average precision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfvid.statistics.metrics import tiou

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SegmentTable:
    """N segments of several videos, side by side.

    Attributes:
        videos: number of each one's video, (N,).
        labels: number of its activity, (N,).
        spans: seconds, (N, 2).
        scores: how sure each is, (N,); ones for true segments.
    """

    videos: Numbers
    labels: Numbers
    spans: Floats
    scores: Floats

    @staticmethod
    def of(lines: Sequence[tuple[int, int, float, float, float]]) -> SegmentTable:
        """From video, activity, start, end and score of each segment."""
        table = np.array(lines, np.float64).reshape(-1, 5)
        videos, labels = table[:, :2].T.astype(np.int64)
        return SegmentTable(videos, labels, table[:, 2:4], table[:, 4])

    def __len__(self) -> int:
        return len(self.videos)


def hits(found: SegmentTable, truth: SegmentTable, *, overlap: float) -> NDArray[np.bool_]:
    """Which of the found segments are right, (N,).

    In order of their scores, each takes the true segment of its video and activity that it
    overlaps most with and that none before it has taken; a tIoU below `overlap` is a miss.
    """
    right = np.zeros(len(found), bool)
    true_ones = _by_video_and_label(truth)
    for pair, places in _by_video_and_label(found).items():
        candidates = true_ones.get(pair)
        if candidates is None:
            continue
        shared = tiou(found.spans[places], truth.spans[candidates])  # (found, true)
        for row in np.argsort(-found.scores[places], kind="stable"):
            best = int(shared[row].argmax())
            if shared[row, best] >= overlap:
                right[places[row]] = True
                shared[:, best] = -1.0
    return right


def average_precisions(
    found: SegmentTable,
    truth: SegmentTable,
    right: NDArray[np.bool_],
    *,
    labels: int,
    weights: Floats,
) -> Floats:
    """Average precision of each activity, interpolated as ActivityNet does, (draws, K).

    Precision is the best at this rank or any lower one; segments of one score share the rank of
    the last of them. NaN where no true segment was drawn.

    Args:
        found: what was found.
        truth: what there is.
        right: which of the found are right, (N,).
        labels: K.
        weights: how often each video was drawn, (draws, videos).
    """
    table = np.full((len(weights), labels), np.nan)
    for label in range(labels):
        total = weights[:, truth.videos[truth.labels == label]].sum(1)
        places = np.flatnonzero(found.labels == label)
        places = places[np.argsort(-found.scores[places], kind="stable")]
        falling = -found.scores[places]
        last = np.searchsorted(falling, falling, side="right") - 1
        drawn = weights[:, found.videos[places]]
        gained = drawn * right[places]
        counted = np.maximum(np.cumsum(drawn, 1), np.finfo(np.float64).tiny)
        precision = (np.cumsum(gained, 1) / counted)[:, last]
        best = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
        known = total > 0
        table[known, label] = (best * gained).sum(1)[known] / total[known]
    return table


def mean_average_precisions(
    found: SegmentTable,
    truth: SegmentTable,
    *,
    overlaps: Sequence[float],
    labels: int,
    weights: Floats,
) -> Mapping[float, Floats]:
    """The mean over activities that occur, (draws,), at each of the overlaps."""
    results = {}
    for overlap in overlaps:
        right = hits(found, truth, overlap=overlap)
        each = average_precisions(found, truth, right, labels=labels, weights=weights)
        results[overlap] = np.nanmean(each, axis=1)
    return results


def _by_video_and_label(table: SegmentTable) -> dict[tuple[int, int], Numbers]:
    places: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, pair in enumerate(zip(table.videos.tolist(), table.labels.tolist(), strict=True)):
        places[pair].append(place)
    return {pair: np.array(members) for pair, members in places.items()}
