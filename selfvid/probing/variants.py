"""Evaluation of one variant: features go in, predictions for videos outside training come out.

A variant is what one row of the table is about: an encoder, or a baseline, which is what an
encoder must beat. Every variant is evaluated in the same way. In each fold, a classifier is trained
on the training part and predicts the test part; nearest neighbours vote (kNN) and are retrieved.
R@k is the share of test videos with a video of the same class among the k nearest training videos.
"""

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
    """The classification task, the same for every variant.

    Attributes:
        labels: class indices, (N,).
        groups: group of each video, (N,); the videos of a group must not be split between a
            training and a test part.
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
        """Indices of the videos that are in a test part, in ascending order."""
        return np.sort(np.concatenate([fold.test for fold in self.folds]))

    def interval(self, correct: Floats) -> Interval:
        """Return the mean of `correct` (R, N) over the tested videos, with its interval."""
        tested = self.tested
        return accuracy_interval(correct[:, tested], self.groups[tested], seed=self.seed)

    def difference(self, correct: Floats, other: Floats) -> Interval:
        """Return the mean of `correct` (R, N) minus that of `other` (R', N), with its interval.

        The two are paired: both are computed on the same resampled groups.
        """
        tested = self.tested
        return difference_interval(
            correct[:, tested], other[:, tested], self.groups[tested], seed=self.seed
        )


@dataclass(frozen=True, eq=False)
class FoldResult:
    """The result of one fold.

    Attributes:
        train: features of the training part, (N, D).
        test: features of the test part, (M, D).
        probabilities: of the test part, (M, K).
        choice: what the classifier chose on the training part.
    """

    train: Floats
    test: Floats
    probabilities: Floats
    choice: AnyChoice


def classify_fold(
    fold: Fold,
    task: Task,
    train: Floats,
    test: Floats,
    *,
    classifier: Callable[..., Classified[Any]] = classify,
) -> FoldResult:
    """Train a classifier on the features of the training part and predict the test part.

    Args:
        fold: which videos are in which part.
        task: their labels and groups.
        train: features, (N, D).
        test: features, (M, D).
        classifier: the `classify` function of the linear classifier or of the network.
    """
    labels, groups = task.labels[fold.train], task.groups[fold.train]
    made = classifier(train, labels, groups, test, classes=len(task.classes), seed=task.seed)
    return FoldResult(train, test, made.probabilities, made.choice)


class LearnedFeatures(ABC):
    """A variant whose features are learned anew, without labels, on each fold's training part.

    Attributes:
        classifier: the `classify` function of the linear classifier or of the network.
    """

    classifier: Callable[..., Classified[Any]] = staticmethod(classify)

    @abstractmethod
    def features(self, fold: Fold, task: Task) -> tuple[Floats, Floats]:
        """Learn features from the training part; return those of it (N, D) and of the test part."""

    def classify_fold(self, fold: Fold, task: Task) -> FoldResult:
        """Learn features from the training part only, train a classifier, predict the test part."""
        train, test = self.features(fold, task)
        return classify_fold(fold, task, train, test, classifier=self.classifier)


@dataclass(frozen=True, eq=False)
class FeaturesOfFolds(LearnedFeatures):
    """The features of encoders of which each fold has its own.

    Attributes:
        each: the features of all videos by the encoder of each fold, (N, D).
    """

    each: tuple[Floats, ...]

    def features(self, fold: Fold, task: Task) -> tuple[Floats, Floats]:
        """Return the features of both parts by the fold's own encoder."""
        own = self.each[task.folds.index(fold)]
        return own[fold.train], own[fold.test]


@dataclass(frozen=True, eq=False)
class RawResult:
    """The raw result of a variant over R repeats (random seeds); NaN for untested videos.

    Attributes:
        name: name of the variant in the table.
        features: length D of the features; if folds differ, that of the first.
        probabilities: of each class, predicted in the fold that tests the video, (R, N, K).
        correct: whether the classifier's prediction is correct, (R, N).
        knn: for each k, whether the vote of k neighbours is correct, (R, N).
        recall: for each k, whether one of the k nearest training videos has the class, (R, N).
        choices: what the classifier chose, for each repeat and each fold.
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
    """The result of a variant as one row of the table; shares are between 0 and 1.

    Attributes:
        name: name of the variant.
        features: length D of the features; 0 for chance.
        accuracy: of the classifier, with its 95 % interval.
        fold_accuracies: of each fold, averaged over repeats.
        repeat_accuracies: of each repeat (random seed), over all folds.
        knn: accuracy of the vote for each k.
        recall: retrieval R@k for each k.
        chosen: C, or width and weight decay, and how they were chosen, for each repeat and fold.
    """

    name: str
    features: int
    accuracy: Interval
    fold_accuracies: tuple[float, ...]
    repeat_accuracies: tuple[float, ...]
    knn: dict[int, float]
    recall: dict[int, float]
    chosen: tuple[tuple[AnyChoice, ...], ...] = ()


def assess(name: str, repeats: Sequence[Floats | LearnedFeatures], task: Task) -> RawResult:
    """Train a classifier, vote and retrieve in every fold.

    Args:
        name: name of the variant.
        repeats: for each random seed the features (N, D), or an object that learns them.
        task: the task, the same for all variants.
    """
    each = [_all_folds(features, task) for features in repeats]
    return RawResult(
        name=name,
        features=each[0].features,
        probabilities=np.stack([repeat.probabilities for repeat in each]),  # (R, N, K)
        correct=np.stack([repeat.correct for repeat in each]),  # (R, N)
        knn={k: np.stack([repeat.knn[k] for repeat in each]) for k in K_CHOICES},
        recall={k: np.stack([repeat.recall[k] for repeat in each]) for k in RECALLS},
        choices=tuple(repeat.choices for repeat in each),
    )


def summarise(raw: RawResult, task: Task) -> VariantResult:
    """Return the row of the table that summarises a raw result."""
    tested = task.tested

    def share(values: Floats) -> float:
        return float(values[:, tested].mean())

    return VariantResult(
        name=raw.name,
        features=raw.features,
        accuracy=task.interval(raw.correct),
        fold_accuracies=tuple(float(raw.correct[:, fold.test].mean()) for fold in task.folds),
        repeat_accuracies=tuple(raw.correct[:, tested].mean(axis=1).tolist()),
        knn={k: share(values) for k, values in raw.knn.items()},
        recall={k: share(values) for k, values in raw.recall.items()},
        chosen=raw.choices,
    )


def chance(task: Task) -> VariantResult:
    """Return the row of chance: the share of the largest class of each test part.

    A constant prediction cannot be correct more often.
    """
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
class _Repeat:
    """The attributes of a `RawResult` for one repeat."""

    features: int
    probabilities: Floats
    correct: Floats
    knn: dict[int, Floats]
    recall: dict[int, Floats]
    choices: tuple[AnyChoice, ...]


def _all_folds(features: Floats | LearnedFeatures, task: Task) -> _Repeat:
    """Train and test in every fold."""
    count, classes = len(task.labels), len(task.classes)
    probabilities = np.full((count, classes), math.nan)
    knn = {k: np.full(count, math.nan) for k in K_CHOICES}
    recall = {k: np.full(count, math.nan) for k in RECALLS}
    choices, widths = [], []
    for fold in task.folds:
        made = (
            features.classify_fold(fold, task)
            if isinstance(features, LearnedFeatures)
            else classify_fold(fold, task, features[fold.train], features[fold.test])
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
    return _Repeat(widths[0], probabilities, correct, knn, recall, tuple(choices))
