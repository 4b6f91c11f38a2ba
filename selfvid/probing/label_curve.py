"""The label curve: accuracy by the number of labelled videos per class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.splits import Fold
from selfvid.probing.classifiers.linear import Classified, classify
from selfvid.probing.variants import LearnedFeatures, Task
from selfvid.statistics.intervals import Interval
from selfvid.statistics.words import points

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
    """Accuracy of the first variant minus that of another.

    Both have the same labelled videos and the same resampled groups.

    Attributes:
        variant: name of the other variant.
        per_class: labelled training videos of each class; None for all of them.
        difference: with its 95 % interval.
    """

    variant: str
    per_class: int | None
    difference: Interval


@dataclass(frozen=True)
class LabelCurve:
    """The points of all variants, their differences, and the counts that could not be drawn.

    Attributes:
        points: of each variant, from few labels to all.
        differences: first variant minus each other.
        skipped: in words, the counts that are more than some training part has.
        words: one sentence for each number of labels: which variant is the most accurate.
    """

    points: tuple[CurvePoint, ...]
    differences: tuple[CurveDifference, ...]
    skipped: tuple[str, ...]
    words: tuple[str, ...] = ()

    @property
    def variants(self) -> tuple[str, ...]:
        """The names of the variants, the first one first."""
        return tuple(dict.fromkeys(point.variant for point in self.points))

    @property
    def counts(self) -> tuple[int | None, ...]:
        """The numbers of labelled videos per class, in order; None for all of them."""
        return tuple(dict.fromkeys(point.per_class for point in self.points))

    def point(self, variant: str, count: int | None) -> CurvePoint:
        """Return the point of one variant with one number of labels."""
        return next(p for p in self.points if (p.variant, p.per_class) == (variant, count))

    def difference(self, variant: str, count: int | None) -> Interval:
        """Return the difference between the first variant and another."""
        return next(
            d.difference for d in self.differences if (d.variant, d.per_class) == (variant, count)
        )


def label_curve(
    variants: Mapping[str, Sequence[Floats | LearnedFeatures]],
    full: Mapping[str, Floats],
    task: Task,
    *,
    counts: Sequence[int],
    draws: int,
) -> LabelCurve:
    """Train classifiers on few videos per class, several times, and test them on all test videos.

    Draw d takes the same labelled videos for every variant. For a variant with several repeats
    (random seeds), draw d uses repeat d modulo their number. Features that are learned without
    labels are learned on the whole training part.

    Args:
        variants: features (N, D) of every repeat, or objects that learn them, by name; differences
            are first minus each other.
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
    parts = (
        {name: [_parts(each, task) for each in repeats] for name, repeats in variants.items()}
        if possible
        else {}
    )
    found, differences = [], []
    for count in [*possible, None]:
        correct = {
            name: full[name] if count is None else _all_draws(parts[name], task, count, draws)
            for name in variants
        }
        for name, table in correct.items():
            accuracies = tuple(table[:, task.tested].mean(axis=1).tolist())
            found.append(CurvePoint(name, count, task.interval(table), accuracies))
        first, *others = correct
        differences += [
            CurveDifference(name, count, task.difference(correct[first], correct[name]))
            for name in others
        ]
    curve = LabelCurve(tuple(found), tuple(differences), skipped)
    words = (_who_is_first(curve, count) for count in curve.counts if len(curve.variants) > 1)
    return replace(curve, words=tuple(words))


def draw_per_class(
    labels: NDArray[np.int64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return indices of `count` random samples of each class in `labels` (N,), in order."""
    return np.sort(
        np.concatenate(
            [rng.choice(np.flatnonzero(labels == k), count, False) for k in np.unique(labels)]
        )
    )


def _who_is_first(curve: LabelCurve, count: int | None) -> str:
    """Return which variant is the most accurate, and how far the first variant is from it."""
    own, *others = curve.variants
    labels = "all labels" if count is None else f"{count} label{'s' * (count > 1)} per class"
    reached = {name: curve.point(name, count).accuracy.mean for name in curve.variants}
    rival = max(others, key=reached.__getitem__)
    best, next_one = (own, f" (the next, {100 * reached[rival]:.1f} %)")
    if reached[rival] > reached[own]:
        best, next_one = (rival, "")
    return (
        f"with {labels}, {best} comes first, with {100 * reached[best]:.1f} %; {own} minus "
        f"{rival}{next_one}: {points(curve.difference(rival, count))}"
    )


@dataclass(frozen=True, eq=False)
class _Parts:
    """One repeat of a variant: features of every fold's parts, and the classifier for them.

    Attributes:
        folds: of each fold, the features of its training part (N, D) and of its test part (M, D).
        classifier: the `classify` function of the linear classifier or of the network.
    """

    folds: Sequence[tuple[Floats, Floats]]
    classifier: Callable[..., Classified[Any]]


def _parts(features: Floats | LearnedFeatures, task: Task) -> _Parts:
    """Return the features of every fold's parts."""
    if isinstance(features, LearnedFeatures):
        return _Parts([features.features(fold, task) for fold in task.folds], features.classifier)
    return _Parts([(features[fold.train], features[fold.test]) for fold in task.folds], classify)


def _all_draws(repeats: Sequence[_Parts], task: Task, count: int, draws: int) -> Floats:
    """Return whether predictions are correct with `count` labels per class, (draws, N)."""
    return np.stack(
        [
            _one_draw(repeats[draw % len(repeats)], task, count, task.seed + draw)
            for draw in range(draws)
        ]
    )


def _one_draw(parts: _Parts, task: Task, count: int, seed: int) -> Floats:
    """Return whether predictions are correct, (N,); NaN for untested videos."""
    correct = np.full(len(task.labels), np.nan)
    rng = np.random.default_rng(seed)
    for fold, (train, test) in zip(task.folds, parts.folds, strict=True):
        drawn = draw_per_class(task.labels[fold.train], count, rng)
        made = parts.classifier(
            train[drawn],
            task.labels[fold.train[drawn]],
            task.groups[fold.train[drawn]],
            test,
            classes=len(task.classes),
            seed=task.seed,
        )
        correct[fold.test] = made.probabilities.argmax(axis=1) == task.labels[fold.test]
    return correct


def _smallest_class(task: Task, fold: Fold) -> int:
    """Return the number of training videos of the class that has the fewest."""
    return int(np.unique(task.labels[fold.train], return_counts=True)[1].min())
