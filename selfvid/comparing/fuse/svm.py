"""A linear SVM on the stacked scores of several runs (Simonyan and Zisserman, NIPS 2014).

It is fitted on scores of training videos and never sees a test label.
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
DEFAULT_C = 1.0
INNER_FOLDS = 3
PROTOCOL = (
    "scores of each run divided by their L2 norm and set side by side; linear SVM, one class "
    "against the rest, squared hinge, L2; fitted on scores of training videos alone; C chosen by "
    "inner cross-validation over groups of the training videos: highest accuracy, ties by the "
    "smallest C"
)
UNCALIBRATED = (
    "the fused scores are a softmax of the SVM's decision values: they rank classes as it does "
    "and are no calibrated probabilities"
)
_ROUNDS = 10_000


@dataclass(frozen=True, eq=False)
class Decided:
    """What an SVM says of a part's test videos.

    Attributes:
        probabilities: softmax of its decision values, (M, K).
        about: its C, and how it was arrived at, as plain data.
    """

    probabilities: Floats
    about: dict[str, Any]


def decide(part: Part, groups: NDArray[np.str_], *, seed: int = 0) -> Decided:
    """Fit on the part's training scores and decide on its test scores.

    Args:
        part: of every run, the same videos.
        groups: of the training videos, which do not straddle inner folds, (N,).
        seed: of the inner folds.

    Raises:
        InputError: where a class has no training video.
    """
    first = part.training[0].scores
    counts = np.bincount(first.labels, minlength=len(first.classes))
    if not counts.all():
        missing = first.classes[int(np.argmin(counts))]
        raise InputError(
            f"class {missing!r} has no video in {part.training[0].path}; expected training scores "
            "of every class"
        )
    train = stacked([each.scores.probabilities for each in part.training])
    test = stacked([each.scores.probabilities for each in part.tested])
    c, how = choose_c(train, first.labels, groups, seed=seed)
    model, converged = _fitted(train, first.labels, c)
    values = model.decision_function(test)
    if values.ndim == 1:  # two classes share one plane
        values = np.stack((-values, values), 1)
    about = {"part": part.name, "training_videos": len(train), "c": c, "how": how}
    return Decided(_softmax(values), about | {"converged": converged})


def stacked(tables: list[Floats]) -> Floats:
    """Scores (N, K) of R runs as one table (N, R K), each run's rows of length 1."""
    return np.hstack([table / np.linalg.norm(table, axis=1, keepdims=True) for table in tables])


def choose_c(
    features: Floats, labels: Integers, groups: NDArray[Any], *, seed: int = 0
) -> tuple[float, str]:
    """C from `GRID` by cross-validation over groups, or the default where that cannot be done.

    Returns:
        The value, and how it was arrived at in words.
    """
    of_class = [len(np.unique(groups[labels == k])) for k in np.unique(labels)]
    if min(of_class) < INNER_FOLDS:
        return DEFAULT_C, f"default: fewer than {INNER_FOLDS} groups of some class"
    right = np.zeros(len(GRID))
    splitter = StratifiedGroupKFold(INNER_FOLDS, shuffle=True, random_state=seed)
    for fit, held in splitter.split(features, labels, groups):
        if not len(held) or len(np.unique(labels[fit])) < 2:
            continue
        for place, c in enumerate(GRID):
            model, _ = _fitted(features[fit], labels[fit], c)
            right[place] += (model.predict(features[held]) == labels[held]).sum()
    return GRID[int(right.argmax())], f"chosen by {INNER_FOLDS} inner folds"


def _fitted(features: Floats, labels: Integers, c: float) -> tuple[LinearSVC, bool]:
    # The primal is solved without random numbers, so the same scores give the same planes.
    model = LinearSVC(C=c, dual=False, max_iter=_ROUNDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported beside the model
        model.fit(features, labels)
    return model, bool(model.n_iter_ < _ROUNDS)


def _softmax(values: Floats) -> Floats:
    raised = np.exp(values - values.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True))
