"""Confidence intervals by a bootstrap over groups, for all commands.

A group is a set of videos that resemble each other, such as videos of one person or one scene.
The videos of a group are not independent, so the bootstrap draws whole groups with replacement,
not single videos. Figures that are computed on the same draws are paired, so that their
difference has an interval too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LEVEL = 0.95  # share of the resampled figures inside an interval
DRAWS = 2000  # enough that another seed moves the ends of an interval by about 0.2 points only
_AT_ONCE = 200  # draws that are multiplied together, to limit the memory
_SAME = 1e-12  # resampled figures that differ by less are equal except for rounding


class Interval(NamedTuple):
    """An observed mean and the ends of its confidence interval; unknown ends are NaN."""

    low: float
    mean: float
    high: float


@dataclass(frozen=True, eq=False)
class GroupDraws:
    """The resamples of a bootstrap over groups: how often each draw contains each group.

    N samples, G groups, R repeats (random seeds) of a classifier.

    Attributes:
        place: index of each sample's group, (N,).
        counts: how often each draw contains each group, (draws, G).
        repeats: for each side of a comparison, how often each draw contains each of its repeats,
            (draws, R).
    """

    place: NDArray[np.int64]
    counts: NDArray[np.uint16]
    repeats: tuple[NDArray[np.uint16], ...]

    @staticmethod
    def of(
        groups: ArrayLike, *, repeats: Sequence[int] = (1,), draws: int = DRAWS, seed: int = 0
    ) -> GroupDraws:
        """Draw whole groups with replacement, and in the same way the repeats of each side.

        Args:
            groups: the group of each sample, (N,).
            repeats: R of each side.
            draws: number of resamples.
            seed: seed of the resampling.
        """
        _, place = np.unique(np.asarray(groups), return_inverse=True)
        if not len(place):
            raise ValueError("groups must not be empty")
        rng, count = np.random.default_rng(seed), int(place.max()) + 1
        counts = np.empty((draws, count), np.uint16)
        drawn = tuple(np.empty((draws, each), np.uint16) for each in repeats)
        for draw in range(draws):
            counts[draw] = np.bincount(rng.integers(count, size=count), minlength=count)
            for side, each in zip(drawn, repeats, strict=True):
                side[draw] = np.bincount(rng.integers(each, size=each), minlength=each)
        return GroupDraws(place.astype(np.int64), counts, drawn)

    @property
    def groups(self) -> int:
        """The number of groups."""
        return self.counts.shape[1]

    def mean(self, values: ArrayLike) -> Interval:
        """Return the mean of `values` (N,) with its interval; the values may have any unit."""
        return self.means(np.asarray(values)[:, None])[0]

    def means(self, values: ArrayLike) -> list[Interval]:
        """Return the mean of each column of `values` (N, C) with its interval."""
        table = np.asarray(values, np.float64)
        resampled = self._resampled(table)  # (draws, C)
        return [
            percentiles(each, float(mean), groups=self.groups)
            for each, mean in zip(resampled.T, table.mean(0), strict=True)
        ]

    def ratio(self, part: ArrayLike, whole: ArrayLike) -> Interval:
        """Return the mean of `part` (N,) divided by the mean of `whole` (N,), with its interval."""
        table = np.stack((np.asarray(part), np.asarray(whole)), 1).astype(np.float64)
        first, second = self._resampled(table).T  # (draws,) each
        mean = float(table[:, 0].mean() / table[:, 1].mean())
        return percentiles(first / second, mean, groups=self.groups)

    def side(self, values: Floats, number: int) -> Floats:
        """Return the resampled means (draws,) of one side's repeats `values` (R, N)."""
        each = self._resampled(values.T)  # (draws, R)
        drawn = self.repeats[number].astype(np.float64)
        return np.asarray((each * drawn).sum(1) / drawn.shape[1])  # (draws,)

    def _resampled(self, table: Floats) -> Floats:
        """Return the resampled means (draws, C) of values (N, C)."""
        if len(table) != len(self.place):
            raise ValueError(f"values must be (N, ...), N = {len(self.place)}, got {table.shape}")
        sizes = np.bincount(self.place).astype(np.float64)
        sums = np.stack([np.bincount(self.place, column) for column in table.T], 1)  # (G, C)
        means = np.empty((len(self.counts), table.shape[1]))
        for first in range(0, len(means), _AT_ONCE):
            drawn = self.counts[first : first + _AT_ONCE].astype(np.float64)
            means[first : first + _AT_ONCE] = drawn @ sums / (drawn @ sizes)[:, None]
        return means


def accuracy_interval(
    correct: ArrayLike, groups: ArrayLike, *, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """Return an accuracy with its percentile interval from a bootstrap over groups.

    Repeats (random seeds) are drawn with replacement too. A single group has no interval (NaN).
    If all draws have the same accuracy, because all groups do, resampling cannot give an interval;
    the ends are then the exact binomial bounds for the number of groups.

    Args:
        correct: 1 for right and 0 for wrong, (N,), or (R, N) for R repeats.
        groups: the group of each sample, (N,).
        draws: number of resamples.
        seed: seed of the resampling.
    """
    values = _repeats(correct)
    drawn = GroupDraws.of(groups, repeats=(len(values),), draws=draws, seed=seed)
    return _bounded(drawn.side(values, 0), float(values.mean()), 0.0, 1.0, groups=drawn.groups)


def difference_interval(
    correct: ArrayLike,
    other: ArrayLike,
    groups: ArrayLike,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Return a difference of two accuracies with its interval, from the same resampled groups.

    Args:
        correct: 1 for right and 0 for wrong, (N,), or (R, N) for R repeats.
        other: the same for the classifier whose accuracy is subtracted, (N,) or (R', N).
        groups: the group of each sample, (N,).
        draws: number of resamples.
        seed: seed of the resampling.
    """
    first, second = _repeats(correct), _repeats(other)
    drawn = GroupDraws.of(groups, repeats=(len(first), len(second)), draws=draws, seed=seed)
    gaps = drawn.side(first, 0) - drawn.side(second, 1)
    mean = float(first.mean() - second.mean())
    return _bounded(gaps, mean, -1.0, 1.0, groups=drawn.groups)


def percentiles(resampled: Floats, mean: float, *, groups: int) -> Interval:
    """Return `mean` with the percentiles of resampled figures (draws,); NaN for a single group."""
    if groups < 2:
        return Interval(math.nan, mean, math.nan)
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), mean, float(high))


def _bounded(resampled: Floats, mean: float, least: float, most: float, *, groups: int) -> Interval:
    """Return the interval of a figure between two bounds, also if all draws are equal.

    If G observed groups are equal, a share of up to 1 - 0.025^(1/G) of all groups may still be
    different, in the worst case by as much as the bounds allow.
    """
    if groups < 2 or np.ptp(resampled) > _SAME:
        return percentiles(resampled, mean, groups=groups)
    other = 1 - ((1 - LEVEL) / 2) ** (1 / groups)
    return Interval(mean - (mean - least) * other, mean, mean + (most - mean) * other)


def _repeats(correct: ArrayLike) -> Floats:
    values = np.asarray(correct, dtype=np.float64)
    if values.ndim not in (1, 2) or values.size == 0:
        raise ValueError(f"correct must be (N,) or (R, N) and not empty, got {values.shape}")
    return np.atleast_2d(values)
