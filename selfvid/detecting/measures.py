"""Measures of the detections in all test videos, with confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from selfvid.detecting.baselines import Guess
from selfvid.detecting.corpus import Recording
from selfvid.detecting.matching import (
    SegmentTable,
    average_precisions,
    hits,
    mean_average_precisions,
)
from selfvid.detecting.segments import Segment
from selfvid.statistics.intervals import GroupDraws, Interval, percentiles
from selfvid.statistics.metrics import mean_average_precision

OVERLAPS = (0.3, 0.5, 0.7)  # tIoU thresholds; 0.5 is the usual one, the others are around it
DRAWS = 1000  # resamples: each computes mean average precision again, which takes time
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcome:
    """The measures of a detector or a baseline.

    Attributes:
        detection: mean average precision at each tIoU threshold, (1 + draws,): first that of the
            test videos themselves, then that of each resample.
        classification: mean average precision of the activities that a whole video shows.
        hit_at_3: share of videos that show one of their three likeliest activities.
        groups: number of groups that are resampled.
    """

    detection: Mapping[float, Floats]
    classification: float
    hit_at_3: float
    groups: int

    def interval(self, overlap: float) -> Interval:
        """Return the mean average precision with its interval."""
        return self._between(self.detection[overlap])

    def over(self, other: Outcome, overlap: float) -> Interval:
        """Return the difference to another outcome, paired on the same resamples."""
        return self._between(self.detection[overlap] - other.detection[overlap])

    @staticmethod
    def mean(outcomes: Sequence[Outcome]) -> Outcome:
        """Return the mean of several outcomes."""
        return Outcome(
            {
                overlap: np.mean([each.detection[overlap] for each in outcomes], axis=0)
                for overlap in outcomes[0].detection
            },
            float(np.mean([each.classification for each in outcomes])),
            float(np.mean([each.hit_at_3 for each in outcomes])),
            outcomes[0].groups,
        )

    def _between(self, values: Floats) -> Interval:
        """Return the first value with the interval that the others give."""
        mean, draws = float(values[0]), values[1:]
        return percentiles(draws, mean, groups=self.groups)


@dataclass(frozen=True, eq=False)
class Evaluator:
    """Compares guesses about test videos with their annotations.

    Attributes:
        tested: the test videos.
        groups: the group of each test video.
        labels: names of the K activities.
        seed: seed of the resampling.
    """

    tested: Sequence[Recording]
    groups: Sequence[str]
    labels: tuple[str, ...]
    seed: int

    def outcome(self, guesses: Sequence[Guess]) -> Outcome:
        """Return the measures of one guess about each test video."""
        found = self._table([segments for segments, _ in guesses])
        scores = np.stack([whole for _, whole in guesses])  # (videos, K)
        return Outcome(
            mean_average_precisions(
                found,
                self.truth,
                overlaps=OVERLAPS,
                labels=len(self.labels),
                weights=self._weights,
            ),
            classification=mean_average_precision(scores, self.shown),
            hit_at_3=self._hit(scores),
            groups=len(set(self.groups)),
        )

    def by_activity(self, found: Sequence[Sequence[Segment]], overlap: float) -> Floats:
        """Return the average precision of each activity at a tIoU threshold, (K,).

        It is NaN for an activity that no test video shows.
        """
        table = self._table(found)
        right = hits(table, self.truth, overlap=overlap)
        once = np.ones((1, len(self.tested)))
        (each,) = average_precisions(
            table, self.truth, right, labels=len(self.labels), weights=once
        )
        return each

    @cached_property
    def truth(self) -> SegmentTable:
        """The true segments of the test videos."""
        shown = [
            [Segment(each.start, each.end, each.label, 1.0) for each in recording.video.activities]
            for recording in self.tested
        ]
        return self._table(shown)

    @cached_property
    def shown(self) -> NDArray[np.bool_]:
        """Which activities each test video shows, (videos, K)."""
        table = np.zeros((len(self.tested), len(self.labels)), bool)
        table[self.truth.videos, self.truth.labels] = True
        return table

    @cached_property
    def _weights(self) -> Floats:
        """How often each video counts, (1 + draws, videos).

        The first row counts every video once. Each further row draws whole groups with replacement.
        """
        draws = GroupDraws.of(self.groups, draws=DRAWS, seed=self.seed)
        drawn = draws.counts[:, draws.place].astype(np.float64)
        return np.concatenate([np.ones((1, len(self.tested))), drawn])

    def _table(self, found: Sequence[Sequence[Segment]]) -> SegmentTable:
        number = {label: at for at, label in enumerate(self.labels)}
        return SegmentTable.of(
            [
                (video, number[each.label], each.start, each.end, each.score)
                for video, segments in enumerate(found)
                for each in segments
            ]
        )

    def _hit(self, scores: Floats) -> float:
        """Return hit@3 of scores (videos, K)."""
        best = np.argsort(-scores, axis=1, kind="stable")[:, :3]
        return float(np.take_along_axis(self.shown, best, 1).any(1).mean())
