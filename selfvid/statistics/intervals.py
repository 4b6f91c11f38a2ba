"""Bootstrap intervals of many figures at once, all on the same resampled groups."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfvid.statistics.metrics import Interval

Floats = NDArray[np.float64]

_AT_ONCE = 200  # draws that are multiplied out together


@dataclass(frozen=True, eq=False)
class Draws:
    """How often each group was drawn, draw by draw; figures on the same draws are paired.

    Attributes:
        place: which group each sample belongs to, (N,).
        counts: (draws, G).
        level: share of the resampled figures inside an interval.
    """

    place: NDArray[np.int64]
    counts: NDArray[np.uint16]
    level: float = 0.95

    @staticmethod
    def of(groups: ArrayLike, *, draws: int = 2000, seed: int = 0) -> Draws:
        """Draw whole groups with replacement.

        Args:
            groups: the group of each sample, (N,).
            draws: number of resamples.
            seed: of the resampling.
        """
        _, place = np.unique(np.asarray(groups), return_inverse=True)
        count = int(place.max()) + 1
        rng = np.random.default_rng(seed)
        counts = np.empty((draws, count), np.uint16)
        for draw in range(draws):
            counts[draw] = np.bincount(rng.integers(count, size=count), minlength=count)
        return Draws(place.astype(np.int64), counts)

    def intervals(self, values: ArrayLike) -> list[Interval]:
        """The mean of each column of `values` (N, C) between the ends of its interval."""
        table = np.asarray(values, np.float64)
        return [
            self._between(means, mean)
            for means, mean in zip(self._means(table).T, table.mean(0).tolist(), strict=True)
        ]

    def interval(self, values: ArrayLike) -> Interval:
        """The mean of `values` (N,) between the ends of its interval; one group has none (NaN)."""
        return self.intervals(np.asarray(values)[:, None])[0]

    def share(self, part: ArrayLike, whole: ArrayLike) -> Interval:
        """The mean of `part` (N,) as a share of that of `whole` (N,)."""
        table = np.stack((np.asarray(part), np.asarray(whole)), 1).astype(np.float64)
        first, second = self._means(table).T
        mean = float(table[:, 0].mean() / table[:, 1].mean())
        return self._between(first / second, mean)

    def _means(self, table: Floats) -> Floats:
        """Resampled means (draws, C) of values (N, C)."""
        sizes = np.bincount(self.place).astype(np.float64)
        sums = np.stack([np.bincount(self.place, column) for column in table.T], 1)
        means = np.empty((len(self.counts), table.shape[1]))
        for first in range(0, len(means), _AT_ONCE):
            drawn = self.counts[first : first + _AT_ONCE].astype(np.float64)
            means[first : first + _AT_ONCE] = drawn @ sums / (drawn @ sizes)[:, None]
        return means

    def _between(self, means: Floats, mean: float) -> Interval:
        if self.counts.shape[1] < 2:
            return Interval(math.nan, mean, math.nan)
        low, high = np.quantile(means, [(1 - self.level) / 2, (1 + self.level) / 2])
        return Interval(float(low), mean, float(high))
