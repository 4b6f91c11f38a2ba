"""Paired comparison of two classifiers on the same videos: difference, interval and exact tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfvid.statistics.intervals import LEVEL, Interval, difference_interval
from selfvid.statistics.words import points

METHOD = (
    "Interval: paired 95 % percentile bootstrap with 2000 draws of whole groups; if all groups "
    "have the same difference, the ends are the exact binomial bounds for the number of groups. "
    "Test: exact paired test in which each group's difference is as likely to have the opposite "
    "sign; if every video is a group of its own, this is McNemar's exact test. Neither includes "
    "the variation between training runs."
)

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Standing:
    """The comparison of a first classifier with a second one.

    Attributes:
        difference: accuracy of the first minus accuracy of the second, with its interval.
        p: p-value of the exact paired test over groups.
        p_videos: p-value of McNemar's exact test, which treats videos as independent.
        only_first: number of videos on which only the first is right.
        only_second: number of videos on which only the second is right.
        videos: number of videos.
        groups: number of groups.
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
        """Whether both the interval and the test exclude that the accuracies are equal."""
        ends = self.difference
        return (ends.low > 0 or ends.high < 0) and self.p < 1 - LEVEL

    def in_words(self, first: str, second: str) -> str:
        """Say which classifier is better, or that the difference is unresolved."""
        gap = f"{points(self.difference)}, {self.test_in_words()}"
        if not self.resolved:
            return f"unresolved at this size: {first} minus {second} {gap}"
        better = "better" if self.difference.mean > 0 else "worse"
        return f"{better}: {first} minus {second} {gap}"

    def test_in_words(self) -> str:
        """Return the p-values with the names of their tests."""
        mcnemar = f"{chance_in_words(self.p_videos)} by McNemar's exact test"
        if self.groups == self.videos:
            return mcnemar
        return (
            f"{chance_in_words(self.p)} by exact sign flips of {self.groups} groups "
            f"({mcnemar}, which treats videos as independent)"
        )


def stand(first: Flags, second: Flags, groups: NDArray[np.str_], *, seed: int = 0) -> Standing:
    """Compare two classifiers.

    Args:
        first: whether the first classifier is right on each video, (N,).
        second: whether the second classifier is right on each video, (N,).
        groups: the group of each video, (N,).
        seed: seed of the resampling.
    """
    gaps = first.astype(np.int64) - second  # (N,): -1, 0 or 1
    _, place = np.unique(groups, return_inverse=True)
    by_group = np.zeros(place.max() + 1, np.int64)  # (G,)
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
    """Return a p-value as text, such as "p = 0.012"."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def sign_flip_p(differences: ArrayLike) -> float:
    """Return the exact two-sided p-value of the sum of `differences` under random signs.

    This is the probability that the absolute sum is at least as large as the observed one, if each
    difference had a positive or a negative sign with equal probability. For two classifiers, the
    difference of a group is the number of its videos that the first classifier gets right minus
    the number that the second gets right. With one video per group this is McNemar's exact test.
    With larger groups it stays valid if the videos of a group resemble each other.

    Args:
        differences: integers, (G,).
    """
    values = np.asarray(differences, dtype=np.int64)
    chances = np.ones(1)  # probabilities of the sums -reach .. reach
    for step in np.abs(values[values != 0]).tolist():
        wider = np.zeros(len(chances) + 2 * step)
        wider[: len(chances)] += chances / 2
        wider[2 * step :] += chances / 2
        chances = wider
    reach = len(chances) // 2
    sums = np.abs(np.arange(-reach, reach + 1))
    return min(1.0, float(chances[sums >= abs(values.sum())].sum()))


def holm(p_values: ArrayLike) -> Floats:
    """Return the p-values (M,) of M tests, adjusted for multiple testing after Holm (1979).

    If the adjusted values are compared with 5 %, the probability of any false positive among the M
    tests is at most 5 %.
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    raised = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(raised).clip(max=1)
    return adjusted
