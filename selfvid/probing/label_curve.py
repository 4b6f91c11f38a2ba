"""The label curve: accuracy by the number of labelled videos per class."""

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
    """Accuracy of one variant with a given number of labelled videos per class.

    Attributes:
        variant: name of the variant.
        per_class: labelled training videos of each class; None for all of them.
        accuracy: mean over draws, with its 95 % interval over groups and draws.
        draws: accuracy of each draw of labelled videos.
    """

    variant: str
    per_class: int | None
    accuracy: Interval
    draws: tuple[float, ...]


@dataclass(frozen=True)
class CurveDifference:
    """Accuracy of the first variant minus that of the second.

    Both have the same labelled videos and the same resampled groups.

    Attributes:
        per_class: labelled training videos of each class; None for all of them.
        difference: with its 95 % interval.
    """

    per_class: int | None
    difference: Interval


@dataclass(frozen=True)
class LabelCurve:
    """The points of all variants, their differences, and the counts that could not be drawn.

    Attributes:
        points: of each variant, from few labels to all.
        differences: first variant minus second.
        skipped: in words, the counts that are more than some training part has.
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
    """Train classifiers on few videos per class, several times, and test them on all test videos.

    Draw d takes the same labelled videos for every variant. For a variant with several repeats
    (random seeds), draw d uses repeat d modulo their number.

    Args:
        variants: features (N, D) of every repeat, by name; differences are first minus second.
        full: by name, whether predictions with all labels are correct, (R, N); as in the table.
        task: the task of the table.
        counts: numbers of videos per class.
        draws: how often labelled videos are drawn.
    """
    most = min(_smallest_class(task, fold) for fold in task.folds)
    possible: list[int | None] = [count for count in sorted(set(counts)) if count <= most]
    skipped = tuple(
        f"{count} per class left out: some class has only {most} training videos in some fold"
        for count in sorted(set(counts))
        if count > most
    )
    points, differences = [], []
    for count in [*possible, None]:
        correct = {
            name: full[name] if count is None else _all_draws(repeats, task, count, draws)
            for name, repeats in variants.items()
        }
        for name, table in correct.items():
            accuracies = tuple(table[:, task.tested].mean(axis=1).tolist())
            points.append(CurvePoint(name, count, task.interval(table), accuracies))
        if len(correct) > 1:
            first, second, *_ = correct.values()
            differences.append(CurveDifference(count, task.difference(first, second)))
    return LabelCurve(tuple(points), tuple(differences), skipped)


def draw_per_class(
    labels: NDArray[np.int64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return indices of `count` random samples of each class in `labels` (N,), in order."""
    return np.sort(
        np.concatenate(
            [rng.choice(np.flatnonzero(labels == k), count, False) for k in np.unique(labels)]
        )
    )


def _all_draws(repeats: Sequence[Floats], task: Task, count: int, draws: int) -> Floats:
    """Return whether predictions are correct with `count` labels per class, (draws, N)."""
    return np.stack(
        [
            _one_draw(repeats[draw % len(repeats)], task, count, task.seed + draw)
            for draw in range(draws)
        ]
    )


def _one_draw(features: Floats, task: Task, count: int, seed: int) -> Floats:
    """Return whether predictions are correct, (N,); NaN for untested videos."""
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
        correct[fold.test] = made.probabilities.argmax(axis=1) == task.labels[fold.test]
    return correct


def _smallest_class(task: Task, fold: Fold) -> int:
    """Return the number of training videos of the class that has the fewest."""
    return int(np.unique(task.labels[fold.train], return_counts=True)[1].min())
