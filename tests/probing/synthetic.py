"""Synthetic tasks and features, which need no videos."""

from __future__ import annotations

import numpy as np

from selfvid.data.manifest.splits import Fold
from selfvid.probing.variants import Task


def a_task(videos: int = 60, folds: int = 5) -> Task:
    """Two classes, groups of two videos, every fifth group in each fold."""
    groups = np.arange(videos) // 2
    parts = [np.flatnonzero(groups % folds == fold) for fold in range(folds)]
    every = np.arange(videos)
    return Task(
        labels=np.arange(videos) % 2,
        groups=groups,
        folds=tuple(
            Fold(np.setdiff1d(every, test), test, f"fold {n}") for n, test in enumerate(parts)
        ),
        classes=("even", "odd"),
    )


def some_features(task: Task, *, signal: float, seed: int = 0) -> np.ndarray:
    """Noise (N, 6) whose first column depends on the label."""
    noise = np.random.default_rng(seed).normal(size=(len(task.labels), 6))
    noise[:, 0] += signal * (2 * task.labels - 1)
    return noise
