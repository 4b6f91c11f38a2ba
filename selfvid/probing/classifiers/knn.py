"""Nearest neighbours: classification without training (kNN), and retrieval (R@k).

R@k is the share of queries with a video of the same class among the k most similar videos of the
bank. Queries are the test videos; the bank is the training part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from lightly.utils.benchmarking.knn import knn_predict
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from selfvid.statistics.metrics import retrieval_hits

K_CHOICES = (1, 5, 20)  # all are reported, so that no k has to be chosen
SHOWN_K = 5  # the one in the printed table
RECALLS = (1, 5)
TEMPERATURE = 0.1  # of the votes, as in Wu et al. (2018, arXiv:1805.01978) and lightly
PROTOCOL = (
    "features standardised on the training part, cosine similarity; kNN votes weighted by "
    f"exp(similarity / {TEMPERATURE}); retrieval: queries are test videos, the bank is the "
    "training part; no choice is made, every k is reported"
)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Results of nearest neighbours for a test part of N videos.

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
    """Classify and retrieve by nearest neighbours; a k above the bank's size takes all of it.

    Args:
        train: features of the bank, (M, D).
        train_labels: class indices, (M,).
        test: features of the queries, (N, D).
        test_labels: class indices, (N,).
        classes: K.
    """
    scaler = StandardScaler().fit(train)
    bank, queries = _unit(scaler.transform(train)), _unit(scaler.transform(test))
    right = {}
    for k in K_CHOICES:
        ranked = knn_predict(
            queries,
            bank.T,
            torch.from_numpy(train_labels),
            classes,
            knn_k=min(k, len(bank)),
            knn_t=TEMPERATURE,
        )  # (N, K), classes by falling votes
        right[k] = ranked[:, 0].numpy() == test_labels
    similarity = (queries @ bank.T).numpy()  # (N, M)
    hits = {k: retrieval_hits(similarity, test_labels, train_labels, k) for k in RECALLS}
    return Neighbours(right, hits)


def _unit(features: NDArray[np.float64]) -> torch.Tensor:
    """Return the rows of `features` with length 1, as float32."""
    return torch.nn.functional.normalize(torch.from_numpy(features), dim=1).float()
