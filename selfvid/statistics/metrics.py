"""Figures of merit: pure functions of numpy arrays.

Accuracies and recalls are shares between 0 and 1. N samples, K classes, D features, G groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """An observed mean between the ends of its confidence interval; NaN ends are unknown."""

    low: float
    mean: float
    high: float


def accuracy(predicted: ArrayLike, labels: ArrayLike) -> float:
    """Share of `predicted` (N,) that equals `labels` (N,)."""
    guesses, truth = np.asarray(predicted), np.asarray(labels)
    _same_length(guesses, truth)
    return float(np.mean(guesses == truth))


def hit_at_k(scores: ArrayLike, labels: ArrayLike, k: int) -> float:
    """Share of samples whose label is among the `k` highest of their scores (N, K)."""
    table, truth = np.asarray(scores), np.asarray(labels)
    _same_length(table, truth)
    best = np.argsort(-table, axis=1, kind="stable")[:, :k]
    return float(np.mean((best == truth[:, None]).any(axis=1)))


def confusion(predicted: ArrayLike, labels: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Counts (K, K): a row for each true class, a column for each predicted one."""
    guesses, truth = np.asarray(predicted), np.asarray(labels)
    _same_length(guesses, truth)
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (truth, guesses), 1)
    return counts


def per_class_accuracy(predicted: ArrayLike, labels: ArrayLike, classes: int) -> Floats:
    """Share of each true class that was recognised, (K,); NaN for a class with no sample."""
    counts = confusion(predicted, labels, classes)
    total = counts.sum(axis=1)
    right = np.diag(counts).astype(np.float64)
    return np.divide(right, total, out=np.full(classes, np.nan), where=total > 0)


def average_precision(scores: ArrayLike, positive: ArrayLike) -> float:
    """Mean over positives of the precision at their rank; NaN where nothing is positive.

    Samples of one score share the rank of the last of them, so that the order in which they were
    listed changes nothing.

    Args:
        scores: higher means more likely positive, (N,).
        positive: truth, (N,).
    """
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
    _same_length(values, truth)
    if not truth.any():
        return math.nan
    order = np.argsort(-values, kind="stable")
    values, truth = values[order], truth[order]
    last_of_tie = np.searchsorted(-values, -values, side="right")  # rank, counted from 1
    precision = np.cumsum(truth)[last_of_tie - 1] / last_of_tie
    return float(precision[truth].mean())


def mean_average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """Mean of `average_precision` over the classes that occur.

    Args:
        scores: (N, K).
        labels: class indices, (N,).
    """
    table, truth = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    _same_length(table, truth)
    found = np.unique(truth)
    return float(np.mean([average_precision(table[:, k], truth == k) for k in found]))


def retrieval_hits(
    similarity: ArrayLike, query_labels: ArrayLike, bank_labels: ArrayLike, k: int
) -> NDArray[np.bool_]:
    """Whether any of a query's `k` most similar bank entries has its label, (Q,).

    Args:
        similarity: of each query to each bank entry, (Q, N).
        query_labels: (Q,).
        bank_labels: (N,).
        k: neighbours looked at; the whole bank where it is smaller.
    """
    table = np.asarray(similarity)
    nearest = np.argsort(-table, axis=1, kind="stable")[:, :k]
    found = np.asarray(bank_labels)[nearest] == np.asarray(query_labels)[:, None]
    return np.asarray(found.any(axis=1))


def recall_at_k(
    similarity: ArrayLike, query_labels: ArrayLike, bank_labels: ArrayLike, k: int
) -> float:
    """Share of queries (R@k) that `retrieval_hits` finds."""
    return float(retrieval_hits(similarity, query_labels, bank_labels, k).mean())


def tiou(segments: ArrayLike, others: ArrayLike) -> Floats:
    """Intersection over union in time of each pair of segments, (A, B).

    Args:
        segments: starts and ends, (A, 2).
        others: starts and ends, (B, 2).
    """
    a = np.asarray(segments, dtype=np.float64).reshape(-1, 1, 2)
    b = np.asarray(others, dtype=np.float64).reshape(1, -1, 2)
    shared = np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0])
    shared = shared.clip(min=0)
    union = (a[..., 1] - a[..., 0]) + (b[..., 1] - b[..., 0]) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def effective_rank(vectors: ArrayLike) -> float:
    """How many directions `vectors` (N, D) spread over, after their mean is removed.

    The exponential of the entropy of the singular values (Roy and Vetterli, 2007): d for equal
    spread in d directions, 1 for a line, 0 where all vectors are the same.
    """
    points = np.asarray(vectors, dtype=np.float64)
    values = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    # Rounding leaves a constant matrix with singular values of this size.
    values = values[values > np.abs(points).max(initial=0) * max(points.shape) * 1e-15]
    if not len(values):
        return 0.0
    share = values / values.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def grouped_bootstrap(
    correct: ArrayLike,
    groups: ArrayLike,
    *,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of a mean under resampling of whole groups.

    Videos of one group resemble each other, so groups are drawn with replacement, not videos.
    Repeats (random seeds) are drawn with replacement too. One group alone has no interval (NaN).
    Where every value is 1, or every value 0, there is nothing to resample, and the open end is
    the exact binomial bound for the number of groups.

    Args:
        correct: 1 for right and 0 for wrong, (N,), or (R, N) for R repeats.
        groups: the group of each sample, (N,).
        draws: number of resamples.
        seed: of the resampling.
        level: share of the resampled means inside the interval.
    """
    values = _repeats(correct)
    mean = float(values.mean())
    alone = (1 - level) / 2
    found = len(np.unique(np.asarray(groups)))
    if found < 2:
        return Interval(math.nan, mean, math.nan)
    if mean == 1:
        return Interval(alone ** (1 / found), 1.0, 1.0)
    if mean == 0:
        return Interval(0.0, 0.0, 1 - alone ** (1 / found))
    means = _resampled_means([values], groups, draws, seed)[:, 0]
    return _percentiles(means, mean, level)


def paired_bootstrap(
    correct: ArrayLike,
    other: ArrayLike,
    groups: ArrayLike,
    *,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Interval of the mean of `correct` minus that of `other`, on the same resampled groups.

    Args:
        correct: (N,), or (R, N) for R repeats.
        other: (N,) or (R', N), of the same samples.
        groups: the group of each sample, (N,).
        draws: number of resamples.
        seed: of the resampling.
        level: share of the resampled differences inside the interval.
    """
    first, second = _repeats(correct), _repeats(other)
    mean = float(first.mean() - second.mean())
    if len(np.unique(np.asarray(groups))) < 2:
        return Interval(math.nan, mean, math.nan)
    means = _resampled_means([first, second], groups, draws, seed)
    return _percentiles(means[:, 0] - means[:, 1], mean, level)


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


def _resampled_means(sides: Sequence[Floats], groups: ArrayLike, draws: int, seed: int) -> Floats:
    """Means (draws, number of sides), every side on the same resampled groups."""
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    count = np.bincount(place)
    sums = [np.stack([np.bincount(place, row) for row in side]) for side in sides]  # (R, G)
    for side in sides:
        _same_length(side.T, place)
    rng = np.random.default_rng(seed)
    means = np.empty((draws, len(sides)))
    for draw in range(draws):
        picked = rng.integers(len(count), size=len(count))
        size = count[picked].sum()
        for column, total in enumerate(sums):
            repeats = rng.integers(len(total), size=len(total))
            means[draw, column] = total[repeats][:, picked].sum() / (size * len(repeats))
    return means


def _percentiles(means: Floats, mean: float, level: float) -> Interval:
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), mean, float(high))


def _repeats(correct: ArrayLike) -> Floats:
    values = np.asarray(correct, dtype=np.float64)
    if values.ndim not in (1, 2) or values.size == 0:
        raise ValueError(f"correct must be (N,) or (R, N) and not empty, got {values.shape}")
    return np.atleast_2d(values)


def _same_length(first: NDArray[np.generic], second: NDArray[np.generic]) -> None:
    if len(first) != len(second) or not len(first):
        raise ValueError(f"lengths must be equal and not 0, got {len(first)} and {len(second)}")
