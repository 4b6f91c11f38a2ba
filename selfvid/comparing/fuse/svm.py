"""A linear SVM on the stacked scores of several runs (Simonyan and Zisserman, NIPS 2014).

It is fitted on scores of training videos and never uses a test label.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import LinearSVC

from selfvid.comparing.fuse.parts import Part
from selfvid.errors import InputError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

GRID = tuple(10.0**power for power in range(-3, 4))
"""Values of C that are tried: enough decades to reach under- and overfitting."""

DEFAULT_C = 1.0  # scikit-learn's
INNER_FOLDS = 3  # few, since each class must have as many groups
PROTOCOL = (
    "scores of each run divided by their L2 norm and set side by side; linear SVM, one class "
    "against the rest, squared hinge, L2; fitted on scores of training videos alone; C chosen by "
    "inner cross-validation over groups of the training videos: highest accuracy, ties by the "
    "smallest C"
)
UNCALIBRATED = (
    "the fused scores are a softmax of the SVM's decision values: they rank classes as the SVM "
    "does and are no calibrated probabilities"
)
_ROUNDS = 10_000  # iterations at most, ten times scikit-learn's default: scores rarely need more


@dataclass(frozen=True, eq=False)
class Decided:
    """The decision of an SVM on the test videos of a part.

    Attributes:
        probabilities: softmax of the decision values, (M, K).
        about: C, how it was chosen, and whether the SVM converged, as plain data.
    """

    probabilities: Floats
    about: dict[str, Any]


def decide(part: Part, groups: NDArray[np.str_], *, seed: int = 0) -> Decided:
    """Fit an SVM on the training scores of a part and decide on its test scores.

    Args:
        part: the scores of all runs on one part.
        groups: the group of each training video, (N,); inner folds never split a group.
        seed: seed of the inner folds.

    Raises:
        InputError: If a class has no training video.
    """
    first = part.training[0].scores
    counts = np.bincount(first.labels, minlength=len(first.classes))
    if not counts.all():
        missing = first.classes[int(np.argmin(counts))]
        raise InputError(
            f"class {missing!r} has no video in {part.training[0].path}; expected training scores "
            "of every class"
        )
    train = stacked([each.scores.probabilities for each in part.training])  # (N, R K)
    test = stacked([each.scores.probabilities for each in part.tested])  # (M, R K)
    c, how = choose_c(train, first.labels, groups, seed=seed)
    model, converged = _fitted(train, first.labels, c)
    values = model.decision_function(test)  # (M, K), or (M,) for two classes
    if values.ndim == 1:
        values = np.stack((-values, values), 1)  # (M, 2)
    about = {"part": part.name, "training_videos": len(train), "c": c, "how": how}
    return Decided(_softmax(values), about | {"converged": converged})


def stacked(tables: list[Floats]) -> Floats:
    """Stack the scores (N, K) of R runs to (N, R K); each run's rows are scaled to L2 norm 1."""
    return np.hstack([table / np.linalg.norm(table, axis=1, keepdims=True) for table in tables])


def choose_c(
    features: Floats, labels: Integers, groups: NDArray[Any], *, seed: int = 0
) -> tuple[float, str]:
    """Choose C from `GRID` by cross-validation over groups.

    Args:
        features: the stacked training scores, (N, R K).
        labels: class indices, (N,).
        groups: the group of each training video, (N,).
        seed: seed of the inner folds.

    Returns:
        C, and how it was chosen in words. It is the default if some class has too few groups.
    """
    counts = [len(np.unique(groups[labels == label])) for label in np.unique(labels)]
    if min(counts) < INNER_FOLDS:
        return DEFAULT_C, f"default: fewer than {INNER_FOLDS} groups of some class"
    correct = np.zeros(len(GRID))  # validation videos that each C classifies correctly
    splitter = StratifiedGroupKFold(INNER_FOLDS, shuffle=True, random_state=seed)
    for train, validation in splitter.split(features, labels, groups):
        if not len(validation) or len(np.unique(labels[train])) < 2:
            continue
        for place, c in enumerate(GRID):
            model, _ = _fitted(features[train], labels[train], c)
            predicted = model.predict(features[validation])
            correct[place] += (predicted == labels[validation]).sum()
    return GRID[int(correct.argmax())], f"chosen by {INNER_FOLDS} inner folds"


def _fitted(features: Floats, labels: Integers, c: float) -> tuple[LinearSVC, bool]:
    """Fit a linear SVM; return it, and whether it converged."""
    # The solver of the primal problem uses no random numbers: the same scores give the same SVM.
    model = LinearSVC(C=c, dual=False, max_iter=_ROUNDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the second return value says it
        model.fit(features, labels)
    return model, bool(model.n_iter_ < _ROUNDS)


def _softmax(values: Floats) -> Floats:
    """Return the softmax of each row of decision values (M, K)."""
    exponentials = np.exp(values - values.max(1, keepdims=True))  # without overflow
    return np.asarray(exponentials / exponentials.sum(1, keepdims=True))
