"""A choice made on the training part alone, by cross-validation over its groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

INNER_FOLDS = 3

TablesOf = Callable[[Floats, Integers, Floats], list[Floats]]
"""From training features, their labels and held-out features to a table of probabilities (N, K)
for each of the candidates."""


def choose(
    tables_of: TablesOf, features: Floats, labels: Integers, groups: NDArray[Any], *, seed: int = 0
) -> tuple[int | None, str]:
    """The candidate of highest accuracy over inner folds, ties by lowest log loss.

    Args:
        tables_of: fits every candidate.
        features: of the training part, (N, D).
        labels: class indices, (N,).
        groups: what must not straddle the inner folds, (N,).
        seed: of the folds.

    Returns:
        Its place, or None where there are too few groups or videos, and a word on how.
    """
    rarest = int(np.unique(labels, return_counts=True)[1].min())
    if min(rarest, len(np.unique(groups))) < INNER_FOLDS:
        return None, f"default: fewer than {INNER_FOLDS} groups or videos of some class"
    splitter = StratifiedGroupKFold(INNER_FOLDS, shuffle=True, random_state=seed)
    right: list[int] = []
    loss: list[float] = []
    for fit, held in splitter.split(features, labels, groups):
        if not len(held) or len(np.unique(labels[fit])) < 2:
            continue
        tables = tables_of(features[fit], labels[fit], features[held])
        right = right or [0] * len(tables)
        loss = loss or [0.0] * len(tables)
        for place, table in enumerate(tables):
            right[place] += int((table.argmax(axis=1) == labels[held]).sum())
            true = table[np.arange(len(held)), labels[held]]
            loss[place] -= float(np.log(true.clip(1e-9)).sum())
    best = min(range(len(right)), key=lambda place: (-right[place], loss[place]), default=None)
    if best is None:
        return None, "default: no inner fold trains on two classes"
    return best, f"chosen by {INNER_FOLDS} inner folds"
