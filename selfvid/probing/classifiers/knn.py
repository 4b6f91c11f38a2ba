"""Nearest neighbours: a classifier without training, and retrieval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from lightly.utils.benchmarking.knn import knn_predict
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from selfvid.statistics.metrics import retrieval_hits

K_CHOICES = (1, 5, 20)
SHOWN_K = 5
RECALLS = (1, 5)
TEMPERATURE = 0.1
PROTOCOL = (
    "features standardised on the training part, cosine similarity; kNN votes weighted by "
    f"exp(similarity / {TEMPERATURE}); retrieval: queries are test videos, the bank is the "
    "training part; no choice is made, every k is reported"
)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """What the nearest training videos say of each test video, for one test part of N.

    Attributes:
        right: for each k of `K_CHOICES`, whether the vote was right, (N,).
        hits: for each k of `RECALLS`, whether any of the k nearest has the true label, (N,).
    """

    right: dict[int, NDArray[np.bool_]]
    hits: dict[int, NDArray[np.bool_]]


def neighbours(
    train: NDArray[np.float64],
    train_labels: NDArray[np.int64],
    test: NDArray[np.float64],
    test_labels: NDArray[np.int64],
    *,
    classes: int,
) -> Neighbours:
    """Vote and retrieve; a k beyond the bank's size takes the whole bank.

    Args:
        train: the bank, (M, D).
        train_labels: (M,).
        test: the queries, (N, D).
        test_labels: (N,).
        classes: K.
    """
    scaler = StandardScaler().fit(train)
    bank, queries = _unit(scaler.transform(train)), _unit(scaler.transform(test))
    right = {}
    for k in K_CHOICES:
        votes = knn_predict(
            queries,
            bank.T,
            torch.from_numpy(train_labels),
            classes,
            knn_k=min(k, len(bank)),
            knn_t=TEMPERATURE,
        )
        right[k] = votes[:, 0].numpy() == test_labels
    similarity = (queries @ bank.T).numpy()
    hits = {k: retrieval_hits(similarity, test_labels, train_labels, k) for k in RECALLS}
    return Neighbours(right, hits)


def _unit(features: NDArray[np.float64]) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.from_numpy(features), dim=1).float()
