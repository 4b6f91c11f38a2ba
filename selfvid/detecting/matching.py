"""Mean average precision of detected segments, computed as ActivityNet does.

The tIoU (temporal intersection over union) of two segments is the time that they share, divided by
the time that at least one of them covers. A detected segment is right if its tIoU with a true
segment of the same activity reaches a threshold.
"""

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
    """N segments of several videos, as columns of a table.

    Attributes:
        videos: index of each segment's video, (N,).
        labels: index of its activity, (N,).
        spans: its begin and end in seconds, (N, 2).
        scores: its confidence, (N,); 1 for true segments.
    """

    videos: Numbers
    labels: Numbers
    spans: Floats
    scores: Floats

    @staticmethod
    def of(lines: Sequence[tuple[int, int, float, float, float]]) -> SegmentTable:
        """Make a table from the video, activity, start, end and score of each segment."""
        table = np.array(lines, np.float64).reshape(-1, 5)  # (N, 5), also if there are none
        videos, labels = table[:, :2].T.astype(np.int64)
        return SegmentTable(videos, labels, table[:, 2:4], table[:, 4])

    def __len__(self) -> int:
        return len(self.videos)


def hits(found: SegmentTable, truth: SegmentTable, *, overlap: float) -> NDArray[np.bool_]:
    """Return which of the detected segments are right, (N,).

    The detected segments are matched in the order of falling scores. Each is matched with the true
    segment of its video and activity that has the highest tIoU among those not matched yet; it is
    wrong if this tIoU is below `overlap`.
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
                shared[:, best] = -1.0  # no other segment can be matched with it
    return right


def average_precisions(
    found: SegmentTable,
    truth: SegmentTable,
    right: NDArray[np.bool_],
    *,
    labels: int,
    weights: Floats,
) -> Floats:
    """Return the average precision of each activity, interpolated as ActivityNet does, (draws, K).

    The precision at a rank is the best precision at this rank or any lower one. Segments with
    equal scores share the rank of the last of them. The result is NaN for an activity if no true
    segment of it was drawn.

    Args:
        found: the detected segments.
        truth: the true segments.
        right: which of the detected segments are right, (N,).
        labels: K, the number of activities.
        weights: how often each video was drawn, (draws, videos).
    """
    table = np.full((len(weights), labels), np.nan)
    for label in range(labels):
        total = weights[:, truth.videos[truth.labels == label]].sum(1)  # (draws,)
        places = np.flatnonzero(found.labels == label)
        places = places[np.argsort(-found.scores[places], kind="stable")]
        falling = -found.scores[places]
        last = np.searchsorted(falling, falling, side="right") - 1
        drawn = weights[:, found.videos[places]]  # (draws, detected segments of this activity)
        gained = drawn * right[places]
        counted = np.maximum(np.cumsum(drawn, 1), np.finfo(np.float64).tiny)
        precision = (np.cumsum(gained, 1) / counted)[:, last]
        best = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
        occurs = total > 0
        table[occurs, label] = (best * gained).sum(1)[occurs] / total[occurs]
    return table


def mean_average_precisions(
    found: SegmentTable,
    truth: SegmentTable,
    *,
    overlaps: Sequence[float],
    labels: int,
    weights: Floats,
) -> Mapping[float, Floats]:
    """Return, for each tIoU threshold, the mean over the activities that occur, (draws,)."""
    results = {}
    for overlap in overlaps:
        right = hits(found, truth, overlap=overlap)
        each = average_precisions(found, truth, right, labels=labels, weights=weights)
        results[overlap] = np.nanmean(each, axis=1)
    return results


def _by_video_and_label(table: SegmentTable) -> dict[tuple[int, int], Numbers]:
    """Return the indices of the segments of each pair of video and activity."""
    places: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, pair in enumerate(zip(table.videos.tolist(), table.labels.tolist(), strict=True)):
        places[pair].append(place)
    return {pair: np.array(members) for pair, members in places.items()}
