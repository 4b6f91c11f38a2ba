"""Confidence intervals by resampling whole groups: the one bootstrap of this package.

Videos of one group resemble each other, so groups are drawn with replacement, not videos. Several
figures on the same draws are paired: their difference has an interval of its own.
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
DRAWS = 2000  # enough for the ends of an interval to move by about 0.2 points between seeds
_AT_ONCE = 200  # draws that are multiplied out together, which bounds the memory
_SAME = 1e-12  # resampled figures that differ by less are equal, rounding apart


class Interval(NamedTuple):
    """An observed mean between the ends of its confidence interval; NaN ends are unknown."""

    low: float
    mean: float
    high: float


@dataclass(frozen=True, eq=False)
class GroupDraws:
    """How often each group was drawn, draw by draw.

    Attributes:
        place: which group each sample belongs to, (N,).
        counts: (draws, G).
        repeats: for each side of a comparison, how often each of its repeats (random seeds) was
            drawn, (draws, R).
    """

    place: NDArray[np.int64]
    counts: NDArray[np.uint16]
    repeats: tuple[NDArray[np.uint16], ...]

    @staticmethod
    def of(
        groups: ArrayLike, *, repeats: Sequence[int] = (1,), draws: int = DRAWS, seed: int = 0
    ) -> GroupDraws:
        """Draw whole groups with replacement, and repeats of each side likewise.

        Args:
            groups: the group of each sample, (N,).
            repeats: R of each side.
            draws: number of resamples.
            seed: of the resampling.
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
        """G."""
        return self.counts.shape[1]

    def mean(self, values: ArrayLike) -> Interval:
        """The mean of `values` (N,) of any unit between the ends of its interval."""
        return self.means(np.asarray(values)[:, None])[0]

    def means(self, values: ArrayLike) -> list[Interval]:
        """The mean of each column of `values` (N, C) between the ends of its interval."""
        table = np.asarray(values, np.float64)
        resampled = self._resampled(table)  # (draws, C)
        return [
            percentiles(each, float(mean), groups=self.groups)
            for each, mean in zip(resampled.T, table.mean(0), strict=True)
        ]

    def ratio(self, part: ArrayLike, whole: ArrayLike) -> Interval:
        """The mean of `part` (N,) as a share of that of `whole` (N,)."""
        table = np.stack((np.asarray(part), np.asarray(whole)), 1).astype(np.float64)
        first, second = self._resampled(table).T
        mean = float(table[:, 0].mean() / table[:, 1].mean())
        return percentiles(first / second, mean, groups=self.groups)

    def side(self, values: Floats, number: int) -> Floats:
        """Resampled means (draws,) of the repeats `values` (R, N) of one side."""
        each = self._resampled(values.T)  # (draws, R)
        drawn = self.repeats[number].astype(np.float64)
        return np.asarray((each * drawn).sum(1) / drawn.shape[1])

    def _resampled(self, table: Floats) -> Floats:
        """Resampled means (draws, C) of values (N, C)."""
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
    """Percentile interval of an accuracy under resampling of whole groups.

    Repeats (random seeds) are drawn with replacement too. One group alone has no interval (NaN).
    Where all draws agree, because every group is right alike, there is nothing to resample; the
    ends are then the exact binomial bound for the number of groups.

    Args:
        correct: 1 for right and 0 for wrong, (N,), or (R, N) for R repeats.
        groups: the group of each sample, (N,).
        draws: number of resamples.
        seed: of the resampling.
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
    """Interval of the accuracy of `correct` minus that of `other`, on the same resampled groups.

    Args:
        correct: 1 for right and 0 for wrong, (N,), or (R, N) for R repeats.
        other: (N,) or (R', N), of the same samples.
        groups: the group of each sample, (N,).
        draws: number of resamples.
        seed: of the resampling.
    """
    first, second = _repeats(correct), _repeats(other)
    drawn = GroupDraws.of(groups, repeats=(len(first), len(second)), draws=draws, seed=seed)
    gaps = drawn.side(first, 0) - drawn.side(second, 1)
    mean = float(first.mean() - second.mean())
    return _bounded(gaps, mean, -1.0, 1.0, groups=drawn.groups)


def percentiles(resampled: Floats, mean: float, *, groups: int) -> Interval:
    """`mean` between the percentiles of resampled figures (draws,); one group alone has none."""
    if groups < 2:
        return Interval(math.nan, mean, math.nan)
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), mean, float(high))


def _bounded(resampled: Floats, mean: float, least: float, most: float, *, groups: int) -> Interval:
    """The percentiles of a figure that lies between two bounds; exact where all draws agree.

    G groups that are all alike do not rule out that a share 1 - 0.025^(1/G) of all groups is
    otherwise, at worst by as much as the bounds allow.
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
