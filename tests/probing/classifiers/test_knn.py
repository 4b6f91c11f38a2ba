from __future__ import annotations

import numpy as np

from selfvid.probing.classifiers.knn import K_CHOICES, TEMPERATURE, neighbours


def _looped(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, k: int
) -> tuple[list[int], list[set[int]]]:
    """Weighted votes and the classes among the k nearest, one query after the other."""
    mean, deviation = train.mean(0), train.std(0)
    bank = (train - mean) / deviation
    votes, found = [], []
    for query in (test - mean) / deviation:
        cosine = bank @ query / np.linalg.norm(bank, axis=1) / np.linalg.norm(query)
        nearest = np.argsort(-cosine)[:k]
        weight = [0.0] * 3
        for at in nearest:
            weight[labels[at]] += np.exp(cosine[at] / TEMPERATURE)
        votes.append(int(np.argmax(weight)))
        found.append(set(labels[nearest].tolist()))
    return votes, found


def test_votes_and_retrieval_match_a_loop_over_queries() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(30, 6)), rng.normal(size=(25, 6))
    labels, truth = rng.integers(3, size=30), rng.integers(3, size=25)
    made = neighbours(train, labels, test, truth, classes=3)
    for k in K_CHOICES:
        votes, _ = _looped(train, labels, test, k)
        assert made.right[k].tolist() == [v == t for v, t in zip(votes, truth, strict=True)]
    for k, hits in made.hits.items():
        _, found = _looped(train, labels, test, k)
        assert hits.tolist() == [t in some for t, some in zip(truth, found, strict=True)]


def test_a_bank_smaller_than_k_is_taken_whole() -> None:
    train = np.array([[1.0, 0], [0, 1], [-1, 0]])
    made = neighbours(train, np.array([0, 1, 2]), train, np.array([0, 1, 2]), classes=3)
    assert made.right[20].all()
    assert made.hits[5].all()
