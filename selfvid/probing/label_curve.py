"""How accuracy grows with the number of labelled videos per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.splits import Fold
from selfvid.probing.classifiers.linear import classify
from selfvid.probing.variants import Task
from selfvid.statistics.intervals import Interval

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CurvePoint:
    """Accuracy of one variant with so many labelled videos of each class.

    Attributes:
        variant: its name.
        per_class: labelled training videos of each class; None for all there are.
        accuracy: mean over draws with its 95 % interval over groups and draws.
        draws: accuracy of each draw of labelled videos.
    """

    variant: str
    per_class: int | None
    accuracy: Interval
    draws: tuple[float, ...]


@dataclass(frozen=True)
class CurveDifference:
    """The first variant minus the second, on the same labelled videos and resampled groups."""

    per_class: int | None
    difference: Interval


@dataclass(frozen=True)
class LabelCurve:
    """The points of all variants, their differences, and the counts that could not be drawn.

    Attributes:
        points: of each variant, from few labels to all.
        differences: first variant minus second.
        skipped: in words, counts that some training part does not have.
    """

    points: tuple[CurvePoint, ...]
    differences: tuple[CurveDifference, ...]
    skipped: tuple[str, ...]


def label_curve(
    variants: Mapping[str, Sequence[Floats]],
    full: Mapping[str, Floats],
    task: Task,
    *,
    counts: Sequence[int],
    draws: int,
) -> LabelCurve:
    """Train on few videos of each class, several times, and test on whole test parts.

    Draw d takes the same labelled videos for every variant, and repeat d (modulo their number)
    of a variant that has several random seeds.

    Args:
        variants: features (N, D) of every repeat, by name; differences are first minus second.
        full: their correctness (R, N) with all labels, as the table has it.
        task: the same as for the table.
        counts: videos per class.
        draws: how often labelled videos are drawn.
    """
    most = min(_rarest(task, fold) for fold in task.folds)
    possible: list[int | None] = [count for count in sorted(set(counts)) if count <= most]
    skipped = tuple(
        f"{count} per class left out: some class has only {most} training videos in some fold"
        for count in sorted(set(counts))
        if count > most
    )
    points, differences = [], []
    for count in [*possible, None]:
        correct = {
            name: full[name]
            if count is None
            else np.stack(
                [
                    _correct(repeats[draw % len(repeats)], task, count, task.seed + draw)
                    for draw in range(draws)
                ]
            )
            for name, repeats in variants.items()
        }
        for name, table in correct.items():
            each = tuple(table[:, task.tested].mean(axis=1).tolist())
            points.append(CurvePoint(name, count, task.interval(table), each))
        if len(correct) > 1:
            first, second, *_ = correct.values()
            differences.append(CurveDifference(count, task.difference(first, second)))
    return LabelCurve(tuple(points), tuple(differences), skipped)


def draw_per_class(
    labels: NDArray[np.int64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Indices of `count` samples of every class that occurs in `labels` (N,), in order."""
    return np.sort(
        np.concatenate(
            [rng.choice(np.flatnonzero(labels == k), count, False) for k in np.unique(labels)]
        )
    )


def _correct(features: Floats, task: Task, count: int, seed: int) -> Floats:
    """Out-of-fold correctness (N,) of classifiers that saw `count` videos of each class."""
    correct = np.full(len(task.labels), np.nan)
    rng = np.random.default_rng(seed)
    for fold in task.folds:
        train = fold.train[draw_per_class(task.labels[fold.train], count, rng)]
        made = classify(
            features[train],
            task.labels[train],
            task.groups[train],
            features[fold.test],
            classes=len(task.classes),
            seed=task.seed,
        )
        right = made.probabilities.argmax(axis=1) == task.labels[fold.test]
        correct[fold.test] = right
    return correct


def _rarest(task: Task, fold: Fold) -> int:
    return int(np.unique(task.labels[fold.train], return_counts=True)[1].min())
