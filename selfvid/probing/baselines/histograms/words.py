"""Visual words: what a descriptor is like, in place of what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float32]

_SAMPLE = 20_000  # descriptors that words are fitted to
_LEAST_SPREAD = 1e-12  # so that descriptors that equal their words belong to them alone


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Words, and how far descriptors lie from them.

    Attributes:
        words: (K, D).
        variance: of descriptors about their nearest words, along each of the D axes.
    """

    words: Floats
    variance: float

    @staticmethod
    def fit(vectors: Floats, *, words: int, seed: int = 0) -> Vocabulary:
        """Words by k-means.

        Args:
            vectors: descriptors of training videos, (n, D); n may be 0.
            words: how many; fewer where there are not so many different descriptors.
            seed: of sample and k-means.
        """
        if not len(vectors):
            return Vocabulary(np.zeros((1, vectors.shape[1]), np.float32), _LEAST_SPREAD)
        if len(vectors) > _SAMPLE:
            rng = np.random.default_rng(seed)
            vectors = vectors[rng.choice(len(vectors), _SAMPLE, replace=False)]
        count = min(words, len(np.unique(vectors, axis=0)))
        with threadpool_limits(1):  # sums in one order, so that words come out the same again
            made = MiniBatchKMeans(count, n_init=3, random_state=seed).fit(vectors)
        centres = made.cluster_centers_.astype(np.float32)
        nearest = _squared_distances(vectors, centres).min(axis=1)
        return Vocabulary(centres, max(float(nearest.mean()) / vectors.shape[1], _LEAST_SPREAD))

    def assign(self, vectors: Floats) -> Floats:
        """How far each descriptor (n, D) belongs to each word, (n, K); every row sums to one.

        The share of a word is its posterior among Gaussians of one width about all words, after
        van Gemert et al. (2010): exp(-d^2 / (2 variance)), normalised.
        """
        nearness = -_squared_distances(vectors, self.words) / (2 * self.variance)
        nearness -= nearness.max(axis=1, keepdims=True)
        shares = np.exp(nearness)
        return shares / shares.sum(axis=1, keepdims=True)


def _squared_distances(vectors: Floats, words: Floats) -> Floats:
    squares = (vectors**2).sum(axis=1)[:, None] + (words**2).sum(axis=1)
    return (squares - 2 * vectors @ words.T).clip(min=0)


def pyramid_histogram(
    shares: NDArray[np.float32], places: NDArray[np.float32], *, levels: Sequence[int]
) -> NDArray[np.float64]:
    """Histograms of words over finer and finer cells, after Lazebnik et al. (2006).

    Args:
        shares: how far each descriptor belongs to each word, (n, K).
        places: where in the picture it was taken, (n, 2), both from 0 up to but not including 1.
        levels: cells along each side, for every level.

    Returns:
        (cells x K,) with the cells of all levels one after another, row by row. Every level sums
        to one; to zero where there are no descriptors.
    """
    made = []
    for side in levels:
        row, column = np.floor(places * side).astype(np.int64).T
        total = np.zeros((side * side, shares.shape[1]))
        np.add.at(total, row * side + column, shares)
        made.append(total.ravel() / max(len(shares), 1))
    return np.concatenate(made)
