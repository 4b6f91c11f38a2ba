"""One variant of the evaluation: features in, out-of-fold verdicts on every video out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.splits import Fold
from selfvid.probing.classifiers.knn import K_CHOICES, RECALLS, neighbours
from selfvid.probing.classifiers.linear import Choice, Classified, classify
from selfvid.probing.classifiers.network import NetworkChoice
from selfvid.statistics.intervals import Interval, accuracy_interval, difference_interval

Floats = NDArray[np.float64]
AnyChoice = Choice | NetworkChoice


@dataclass(frozen=True, eq=False)
class Task:
    """What every variant is asked, so that all are asked the same.

    Attributes:
        labels: class indices, (N,).
        groups: what must not straddle a split, (N,).
        folds: the splits; no video is tested twice.
        classes: names of the K classes.
        seed: of inner folds and resampling.
    """

    labels: NDArray[np.int64]
    groups: NDArray[Any]
    folds: tuple[Fold, ...]
    classes: tuple[str, ...]
    seed: int = 0

    @property
    def tested(self) -> NDArray[np.int64]:
        """Indices of the videos that are in a test part, in order."""
        return np.sort(np.concatenate([fold.test for fold in self.folds]))

    def interval(self, correct: Floats) -> Interval:
        """Mean and interval of `correct` (R, N) over the tested videos."""
        tested = self.tested
        return accuracy_interval(correct[:, tested], self.groups[tested], seed=self.seed)

    def difference(self, correct: Floats, other: Floats) -> Interval:
        """`correct` (R, N) minus `other` (R', N), paired on the same resampled groups."""
        tested = self.tested
        return difference_interval(
            correct[:, tested], other[:, tested], self.groups[tested], seed=self.seed
        )


@dataclass(frozen=True, eq=False)
class Judged:
    """What becomes of one fold.

    Attributes:
        train: features of its training part, (N, D).
        test: features of its test part, (M, D).
        probabilities: of the test part, (M, K).
        choice: of the classifier.
    """

    train: Floats
    test: Floats
    probabilities: Floats
    choice: AnyChoice


def judge(
    fold: Fold, task: Task, train: Floats, test: Floats, *, by: Callable[..., Classified[Any]]
) -> Judged:
    """Fit a classifier on the training part's features and score those of the test part.

    Args:
        fold: which videos are which.
        task: what is known of them.
        train: features, (N, D).
        test: features, (M, D).
        by: `classify` of the linear classifier or of the network.
    """
    labels, groups = task.labels[fold.train], task.groups[fold.train]
    made = by(train, labels, groups, test, classes=len(task.classes), seed=task.seed)
    return Judged(train, test, made.probabilities, made.choice)


class Learned(ABC):
    """A variant whose features are learned on the training part of each fold anew."""

    @abstractmethod
    def judge(self, fold: Fold, task: Task) -> Judged:
        """Learn from the training part alone, and say what the test part is."""


@dataclass(frozen=True, eq=False)
class Assessed:
    """The raw outcome of a variant over R repeats (random seeds); NaN for untested videos.

    Attributes:
        name: how the table calls it.
        features: D that the classifier saw, in the first fold where they differ.
        probabilities: out of fold, (R, N, K).
        correct: of the logistic regression, (R, N).
        knn: for each k, of the vote, (R, N).
        recall: for each k, of retrieval, (R, N).
        choices: of each repeat, of each fold.
    """

    name: str
    features: int
    probabilities: NDArray[np.float64]
    correct: Floats
    knn: dict[int, Floats]
    recall: dict[int, Floats]
    choices: tuple[tuple[AnyChoice, ...], ...]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Most probable class, (R, N); -1 for untested videos."""
        untested = np.asarray(np.isnan(self.probabilities).any(axis=2))
        best = np.where(untested[..., None], 0, self.probabilities).argmax(axis=2)
        return np.where(untested, -1, best)


@dataclass(frozen=True)
class VariantResult:
    """One row of the table; shares between 0 and 1.

    Attributes:
        name: of the variant.
        features: D that the classifier saw; 0 for chance.
        accuracy: of the logistic regression, with its 95 % interval.
        fold_accuracies: of each fold, mean over repeats.
        repeat_accuracies: of each repeat (random seed), over all folds.
        knn: accuracy of the vote for each k.
        recall: retrieval R@k for each k.
        chosen: C, or width and decay, and how they were chosen, for each repeat and fold.
    """

    name: str
    features: int
    accuracy: Interval
    fold_accuracies: tuple[float, ...]
    repeat_accuracies: tuple[float, ...]
    knn: dict[int, float]
    recall: dict[int, float]
    chosen: tuple[tuple[AnyChoice, ...], ...] = ()


def assess(name: str, repeats: Sequence[Floats | Learned], task: Task) -> Assessed:
    """Classify, vote and retrieve in every fold.

    Args:
        name: of the variant.
        repeats: features (N, D) or what learns them, one per random seed.
        task: the same for all variants.
    """
    each = [_out_of_fold(features, task) for features in repeats]
    return Assessed(
        name=name,
        features=each[0].features,
        probabilities=np.stack([once.probabilities for once in each]),
        correct=np.stack([once.correct for once in each]),
        knn={k: np.stack([once.knn[k] for once in each]) for k in K_CHOICES},
        recall={k: np.stack([once.recall[k] for once in each]) for k in RECALLS},
        choices=tuple(once.choices for once in each),
    )


def summarise(assessed: Assessed, task: Task) -> VariantResult:
    """The row of the table that a raw outcome makes."""
    tested = task.tested

    def share(values: Floats) -> float:
        return float(values[:, tested].mean())

    return VariantResult(
        name=assessed.name,
        features=assessed.features,
        accuracy=task.interval(assessed.correct),
        fold_accuracies=tuple(float(assessed.correct[:, f.test].mean()) for f in task.folds),
        repeat_accuracies=tuple(assessed.correct[:, tested].mean(axis=1).tolist()),
        knn={k: share(values) for k, values in assessed.knn.items()},
        recall={k: share(values) for k, values in assessed.recall.items()},
        chosen=assessed.choices,
    )


def chance(task: Task) -> VariantResult:
    """Always naming the largest class of each test part: the most that a constant can reach."""
    shares = [np.bincount(task.labels[fold.test]).max() / len(fold.test) for fold in task.folds]
    sizes = [len(fold.test) for fold in task.folds]
    mean = float(np.average(shares, weights=sizes))
    return VariantResult(
        name="chance (largest class)",
        features=0,
        accuracy=Interval(math.nan, mean, math.nan),
        fold_accuracies=tuple(map(float, shares)),
        repeat_accuracies=(mean,),
        knn={},
        recall={},
    )


@dataclass(frozen=True, eq=False)
class _Once:
    features: int
    probabilities: Floats
    correct: Floats
    knn: dict[int, Floats]
    recall: dict[int, Floats]
    choices: tuple[AnyChoice, ...]


def _out_of_fold(features: Floats | Learned, task: Task) -> _Once:
    count, classes = len(task.labels), len(task.classes)
    probabilities = np.full((count, classes), math.nan)
    knn = {k: np.full(count, math.nan) for k in K_CHOICES}
    recall = {k: np.full(count, math.nan) for k in RECALLS}
    choices, widths = [], []
    for fold in task.folds:
        made = (
            features.judge(fold, task)
            if isinstance(features, Learned)
            else judge(fold, task, features[fold.train], features[fold.test], by=classify)
        )
        widths.append(made.train.shape[1])
        probabilities[fold.test] = made.probabilities
        choices.append(made.choice)
        labels, truth = task.labels[fold.train], task.labels[fold.test]
        near = neighbours(made.train, labels, made.test, truth, classes=classes)
        for k in K_CHOICES:
            knn[k][fold.test] = near.right[k]
        for k in RECALLS:
            recall[k][fold.test] = near.hits[k]
    correct = np.where(
        np.isnan(probabilities[:, 0]), math.nan, probabilities.argmax(axis=1) == task.labels
    )
    return _Once(widths[0], probabilities, correct, knn, recall, tuple(choices))
