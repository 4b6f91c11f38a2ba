"""Figures of what was found in all test videos, and how far they are resolved."""

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

OVERLAPS = (0.3, 0.5, 0.7)
DRAWS = 1000
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one way of guessing comes to.

    Attributes:
        detection: mean average precision at each tIoU: as it is, and on each draw, (1 + draws,).
        classification: mean average precision of what videos show as a whole.
        hit_at_3: share of videos of which one of the three likeliest activities is shown.
        groups: how many the draws are drawn from.
    """

    detection: Mapping[float, Floats]
    classification: float
    hit_at_3: float
    groups: int

    def interval(self, overlap: float) -> Interval:
        """Mean average precision between the ends of its interval."""
        return self._between(self.detection[overlap])

    def over(self, other: Outcome, overlap: float) -> Interval:
        """How much more it is than another's, on the same draws."""
        return self._between(self.detection[overlap] - other.detection[overlap])

    @staticmethod
    def mean(outcomes: Sequence[Outcome]) -> Outcome:
        """The mean over several tries."""
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
        """The first value between the ends of what the others come to; one group has none."""
        mean, draws = float(values[0]), values[1:]
        return percentiles(draws, mean, groups=self.groups)


@dataclass(frozen=True, eq=False)
class Judge:
    """Holds guesses about test videos against what they show.

    Attributes:
        tested: the test videos.
        groups: the group of each.
        labels: names of the K activities.
        seed: of resampling.
    """

    tested: Sequence[Recording]
    groups: Sequence[str]
    labels: tuple[str, ...]
    seed: int

    def outcome(self, guesses: Sequence[Guess]) -> Outcome:
        """The figures of one guess about each test video."""
        found = self._table([segments for segments, _ in guesses])
        scores = np.stack([whole for _, whole in guesses])
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

    def at(self, found: Sequence[Sequence[Segment]], overlap: float) -> Floats:
        """Average precision of each activity, (K,); NaN for one that no test video shows."""
        table = self._table(found)
        right = hits(table, self.truth, overlap=overlap)
        once = np.ones((1, len(self.tested)))
        return average_precisions(table, self.truth, right, labels=len(self.labels), weights=once)[
            0
        ]

    @cached_property
    def truth(self) -> SegmentTable:
        """What the test videos show."""
        shown = [
            [Segment(each.start, each.end, each.label, 1.0) for each in recording.video.activities]
            for recording in self.tested
        ]
        return self._table(shown)

    @cached_property
    def shown(self) -> NDArray[np.bool_]:
        """Which activities each video shows, (videos, K)."""
        table = np.zeros((len(self.tested), len(self.labels)), bool)
        table[self.truth.videos, self.truth.labels] = True
        return table

    @cached_property
    def _weights(self) -> Floats:
        """Every video once; then how often it is drawn, whole groups with replacement."""
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
        best = np.argsort(-scores, axis=1, kind="stable")[:, :3]
        return float(np.take_along_axis(self.shown, best, 1).any(1).mean())
