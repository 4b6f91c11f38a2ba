"""Figures of merit: pure functions of numpy arrays.

Accuracies and recalls are shares between 0 and 1. N samples, K classes, D features, G groups.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, confusion_matrix, top_k_accuracy_score

Floats = NDArray[np.float64]


def hit_at_k(scores: ArrayLike, labels: ArrayLike, k: int) -> float:
    """Share of samples whose label is among the `k` highest of their scores (N, K), K > 2."""
    table = np.asarray(scores)
    return float(top_k_accuracy_score(labels, table, k=k, labels=np.arange(table.shape[1])))


def confusion(predicted: ArrayLike, labels: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Counts (K, K): a row for each true class, a column for each predicted one."""
    return np.asarray(confusion_matrix(labels, predicted, labels=np.arange(classes)), np.int64)


def per_class_accuracy(predicted: ArrayLike, labels: ArrayLike, classes: int) -> Floats:
    """Share of each true class that was recognised, (K,); NaN for a class with no sample."""
    counts = confusion(predicted, labels, classes)
    total = counts.sum(axis=1)
    right = np.diag(counts).astype(np.float64)
    return np.divide(right, total, out=np.full(classes, np.nan), where=total > 0)


def mean_average_precision(scores: ArrayLike, shown: ArrayLike) -> float:
    """Mean of the average precision of each class over the classes that occur.

    Args:
        scores: higher means more likely, (N, K).
        shown: whether each sample shows each class, (N, K).
    """
    table, truth = np.asarray(scores, dtype=np.float64), np.asarray(shown, dtype=bool)
    found = np.flatnonzero(truth.any(axis=0))
    return float(np.mean([average_precision_score(truth[:, k], table[:, k]) for k in found]))


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
