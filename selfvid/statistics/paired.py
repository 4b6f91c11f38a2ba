"""Two classifiers on the same videos: which is right where, and whether that is more than luck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfvid.statistics.intervals import LEVEL, Interval, difference_interval
from selfvid.statistics.words import points

METHOD = (
    "95 % percentile bootstrap, 2000 draws of whole groups, paired; where all groups differ "
    "alike, the ends are the exact binomial bound for the number of groups; exact paired "
    "test: the sign of each group's difference is as likely as its opposite, which is McNemar's "
    "exact test where every video is a group; the spread of another training run is not in either"
)

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Standing:
    """How a first classifier stands to a second one.

    Attributes:
        difference: accuracy of the first minus that of the second, with its interval.
        p: of the exact paired test over groups.
        p_videos: of McNemar's exact test, which takes videos for independent.
        only_first: number of videos on which the first alone is right.
        only_second: likewise.
        videos: N.
        groups: G.
    """

    difference: Interval
    p: float
    p_videos: float
    only_first: int
    only_second: int
    videos: int
    groups: int

    @property
    def resolved(self) -> bool:
        """Whether interval and test both leave out that they are alike."""
        ends = self.difference
        return (ends.low > 0 or ends.high < 0) and self.p < 1 - LEVEL

    def in_words(self, first: str, second: str) -> str:
        """Which is better, or that this many videos do not tell."""
        gap = f"{points(self.difference)}, {self.test_in_words()}"
        if not self.resolved:
            return f"unresolved at this size: {first} minus {second} {gap}"
        better = "better" if self.difference.mean > 0 else "worse"
        return f"{better}: {first} minus {second} {gap}"

    def test_in_words(self) -> str:
        """The p-value, and of which test."""
        mcnemar = f"{chance_in_words(self.p_videos)} by McNemar's exact test"
        if self.groups == self.videos:
            return mcnemar
        return (
            f"{chance_in_words(self.p)} by exact sign flips of {self.groups} groups "
            f"({mcnemar}, which takes videos for independent)"
        )


def stand(first: Flags, second: Flags, groups: NDArray[np.str_], *, seed: int = 0) -> Standing:
    """Hold two classifiers against each other.

    Args:
        first: whether it is right on each video, (N,).
        second: likewise.
        groups: the group of each video, (N,).
        seed: of the resampling.
    """
    gaps = first.astype(np.int64) - second
    _, place = np.unique(groups, return_inverse=True)
    by_group = np.zeros(place.max() + 1, np.int64)
    np.add.at(by_group, place, gaps)
    return Standing(
        difference=difference_interval(first, second, groups, seed=seed),
        p=sign_flip_p(by_group),
        p_videos=sign_flip_p(gaps),
        only_first=int((gaps > 0).sum()),
        only_second=int((gaps < 0).sum()),
        videos=len(gaps),
        groups=len(by_group),
    )


def chance_in_words(p: float) -> str:
    """A p-value as "p = 0.012"."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def sign_flip_p(differences: ArrayLike) -> float:
    """Exact two-sided chance of a sum so far from zero, were every sign as likely as its opposite.

    For paired classifiers, a difference is how many more videos of a group the first is right on.
    With one video to a group this is McNemar's exact test; with whole groups it holds where
    videos of a group resemble each other.

    Args:
        differences: whole numbers, (G,).
    """
    values = np.asarray(differences, dtype=np.int64)
    chances = np.ones(1)  # of the sums -reach .. reach
    for step in np.abs(values[values != 0]).tolist():
        wider = np.zeros(len(chances) + 2 * step)
        wider[: len(chances)] += chances / 2
        wider[2 * step :] += chances / 2
        chances = wider
    reach = len(chances) // 2
    sums = np.abs(np.arange(-reach, reach + 1))
    return min(1.0, float(chances[sums >= abs(values.sum())].sum()))


def holm(p_values: ArrayLike) -> Floats:
    """P-values (M,) raised so that all M tests together err as rarely as one alone (Holm, 1979)."""
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    raised = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(raised).clip(max=1)
    return adjusted
