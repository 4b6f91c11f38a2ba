"""Inner folds: a choice among candidates by cross-validation within the training part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

INNER_FOLDS = 3  # few, because training parts may have few groups
_LEAST_PROBABILITY = 1e-9  # avoids an infinite log loss

Candidates = Callable[[Floats, Integers, Floats], list[Floats]]
"""Fits every candidate: maps features and labels of a training part, and features of a held-out
part, to a table of probabilities (N, K) of the held-out part for each candidate."""


def choose(
    candidates: Candidates,
    features: Floats,
    labels: Integers,
    groups: NDArray[Any],
    *,
    seed: int = 0,
) -> tuple[int | None, str]:
    """Return the candidate with the highest accuracy over inner folds; log loss breaks ties.

    Args:
        candidates: fits every candidate.
        features: of the training part, (N, D).
        labels: class indices, (N,).
        groups: group of each sample, (N,); groups are not split between inner folds.
        seed: of the folds.

    Returns:
        The index of the candidate, or None if there are too few groups or videos to choose; and
        in words how it was chosen.
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
        tables = candidates(features[fit], labels[fit], features[held])
        right = right or [0] * len(tables)
        loss = loss or [0.0] * len(tables)
        for place, table in enumerate(tables):
            right[place] += int((table.argmax(axis=1) == labels[held]).sum())
            true = table[np.arange(len(held)), labels[held]]  # (N,)
            loss[place] -= float(np.log(true.clip(_LEAST_PROBABILITY)).sum())
    best = min(range(len(right)), key=lambda place: (-right[place], loss[place]), default=None)
    if best is None:
        return None, "default: no inner fold trains on two classes"
    return best, f"chosen by {INNER_FOLDS} inner folds"
