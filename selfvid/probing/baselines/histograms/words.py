"""Visual words: clusters of similar descriptors, and histograms of how often they occur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float32]

_SAMPLE = 20_000  # descriptors for k-means: about 300 for each of 64 words are enough
_STARTS = 3  # runs of k-means from different random centres, of which the best is taken
_LEAST_VARIANCE = 1e-12  # avoids a division by zero if all descriptors equal their words


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Visual words, and how far descriptors are from them.

    Attributes:
        words: (K, D).
        variance: of descriptors about their nearest words, along each of the D axes.
    """

    words: Floats
    variance: float

    @staticmethod
    def fit(vectors: Floats, *, words: int, seed: int = 0) -> Vocabulary:
        """Find words by k-means.

        Args:
            vectors: descriptors of training videos, (n, D); n may be 0.
            words: number of words; there are fewer if fewer descriptors differ.
            seed: of the sample of descriptors and of k-means.
        """
        if not len(vectors):
            return Vocabulary(np.zeros((1, vectors.shape[1]), np.float32), _LEAST_VARIANCE)
        if len(vectors) > _SAMPLE:
            rng = np.random.default_rng(seed)
            vectors = vectors[rng.choice(len(vectors), _SAMPLE, replace=False)]
        count = min(words, len(np.unique(vectors, axis=0)))
        with threadpool_limits(1):  # one order of sums, so that the words are the same every time
            made = MiniBatchKMeans(count, n_init=_STARTS, random_state=seed).fit(vectors)
        centres = made.cluster_centers_.astype(np.float32)
        nearest = _squared_distances(vectors, centres).min(axis=1)  # (n,)
        variance = max(float(nearest.mean()) / vectors.shape[1], _LEAST_VARIANCE)
        return Vocabulary(centres, variance)

    def assign(self, vectors: Floats) -> Floats:
        """Return how far each descriptor (n, D) belongs to each word, (n, K); rows sum to one.

        The share of a word is its posterior among Gaussians of one width about all words, after
        van Gemert et al. (2010): exp(-d^2 / (2 variance)), normalised.
        """
        exponents = -_squared_distances(vectors, self.words) / (2 * self.variance)
        exponents -= exponents.max(axis=1, keepdims=True)
        shares = np.exp(exponents)
        return shares / shares.sum(axis=1, keepdims=True)


def pyramid_histogram(
    shares: NDArray[np.float32], places: NDArray[np.float32], *, levels: Sequence[int]
) -> NDArray[np.float64]:
    """Return histograms of words over finer and finer cells, after Lazebnik et al. (2006).

    Args:
        shares: how far each descriptor belongs to each word, (n, K).
        places: place of each descriptor in the picture, (n, 2), from 0 up to but not including 1.
        levels: cells along each side, for every level.

    Returns:
        (cells x K,) with the cells of all levels one after another, row by row. Every level sums
        to one, or to zero if there are no descriptors.
    """
    made = []
    for side in levels:
        row, column = np.floor(places * side).astype(np.int64).T
        total = np.zeros((side * side, shares.shape[1]))  # (cells, K)
        np.add.at(total, row * side + column, shares)
        made.append(total.ravel() / max(len(shares), 1))
    return np.concatenate(made)


def _squared_distances(vectors: Floats, words: Floats) -> Floats:
    """Return the squared distance of each vector (n, D) to each word (K, D), (n, K)."""
    squares = (vectors**2).sum(axis=1)[:, None] + (words**2).sum(axis=1)
    return (squares - 2 * vectors @ words.T).clip(min=0)
