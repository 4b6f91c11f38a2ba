"""Which words occur where in the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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
