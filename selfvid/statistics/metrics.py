"""Metrics, as pure functions of NumPy arrays.

Accuracies and recalls are between 0 and 1. The letters of shapes: N samples, K classes, Q queries,
D features. hit@k is the share of samples whose label is among the k classes with the highest
scores. R@k (recall at k) is the share of queries for which at least one of the k most similar
items has the label of the query. tIoU (temporal intersection over union) of two segments is the
length of their intersection divided by the length of their union.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, confusion_matrix, top_k_accuracy_score

Floats = NDArray[np.float64]

_ROUNDING = 1e-15  # a few units in the last place of a float64 near 1


def hit_at_k(scores: ArrayLike, labels: ArrayLike, k: int) -> float:
    """Return the share of samples whose label is among the `k` highest of their scores (N, K).

    With two classes, `k` must be 2: scikit-learn expects a single column of scores for them.
    """
    table = np.asarray(scores)
    if k >= table.shape[1]:
        return 1.0  # always so, which scikit-learn would warn about
    return float(top_k_accuracy_score(labels, table, k=k, labels=np.arange(table.shape[1])))


def confusion(predicted: ArrayLike, labels: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Return the confusion matrix (K, K): rows are true classes, columns predicted classes."""
    return np.asarray(confusion_matrix(labels, predicted, labels=np.arange(classes)), np.int64)


def per_class_accuracy(predicted: ArrayLike, labels: ArrayLike, classes: int) -> Floats:
    """Return the accuracy within each true class, (K,); NaN for a class without samples."""
    counts = confusion(predicted, labels, classes)
    total = counts.sum(axis=1)
    right = np.diag(counts).astype(np.float64)
    return np.divide(right, total, out=np.full(classes, np.nan), where=total > 0)


def mean_average_precision(scores: ArrayLike, shown: ArrayLike) -> float:
    """Return the mean of the classes' average precisions, over the classes that occur.

    Args:
        scores: scores of the classes, (N, K); a higher score means more likely.
        shown: whether each sample shows each class, (N, K).
    """
    table, truth = np.asarray(scores, dtype=np.float64), np.asarray(shown, dtype=bool)
    found = np.flatnonzero(truth.any(axis=0))
    return float(np.mean([average_precision_score(truth[:, k], table[:, k]) for k in found]))


def retrieval_hits(
    similarity: ArrayLike, query_labels: ArrayLike, bank_labels: ArrayLike, k: int
) -> NDArray[np.bool_]:
    """Return whether any of the `k` items most similar to a query has its label, (Q,).

    Args:
        similarity: similarity of each query to each item of the bank, (Q, N).
        query_labels: labels of the queries, (Q,).
        bank_labels: labels of the bank's items, (N,).
        k: number of nearest items; a smaller bank is used as a whole.
    """
    table = np.asarray(similarity)
    nearest = np.argsort(-table, axis=1, kind="stable")[:, :k]  # (Q, k)
    found = np.asarray(bank_labels)[nearest] == np.asarray(query_labels)[:, None]  # (Q, k)
    return np.asarray(found.any(axis=1))


def recall_at_k(
    similarity: ArrayLike, query_labels: ArrayLike, bank_labels: ArrayLike, k: int
) -> float:
    """Return R@k: the share of queries with a hit in `retrieval_hits`, which has the arguments."""
    return float(retrieval_hits(similarity, query_labels, bank_labels, k).mean())


def tiou(segments: ArrayLike, others: ArrayLike) -> Floats:
    """Return the temporal intersection over union of each pair of segments, (A, B).

    Args:
        segments: starts and ends, (A, 2).
        others: starts and ends, (B, 2).
    """
    a = np.asarray(segments, dtype=np.float64).reshape(-1, 1, 2)
    b = np.asarray(others, dtype=np.float64).reshape(1, -1, 2)
    shared = np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0])  # (A, B)
    shared = shared.clip(min=0)
    union = (a[..., 1] - a[..., 0]) + (b[..., 1] - b[..., 0]) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def effective_rank(vectors: ArrayLike) -> float:
    """Return the effective number of directions in which `vectors` (N, D) vary around their mean.

    This is the exponential of the entropy of the singular values (Roy and Vetterli, 2007). It is d
    for equal variation in d directions, 1 for vectors on a line, and 0 if all vectors are equal.
    """
    points = np.asarray(vectors, dtype=np.float64)
    values = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    # Rounding gives a constant matrix small singular values instead of zeros.
    values = values[values > np.abs(points).max(initial=0) * max(points.shape) * _ROUNDING]
    if not len(values):
        return 0.0
    share = values / values.sum()
    return float(np.exp(-(share * np.log(share)).sum()))
