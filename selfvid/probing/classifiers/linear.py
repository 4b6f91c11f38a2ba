"""Logistic regression whose regularisation is chosen within the training part."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from selfvid.probing.classifiers import inner_folds

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Chosen = TypeVar("Chosen")

GRID = tuple(10.0**power for power in range(-2, 5))  # values of C
DEFAULT_C = 1.0  # scikit-learn's own default
PROTOCOL = (
    "features standardised on the training part and divided by the root of their number, so that "
    "C means the same for every variant; L2 logistic regression; C chosen by inner cross-"
    "validation over groups of the training part: highest accuracy, ties by lowest log loss"
)
_ROUNDS = 1000  # of Newton's method; far more than it takes to converge
_TOLERANCE = 1e-7  # a loose one would act as a second, hidden regularisation if C is large
_SMALL = 1_000_000  # numbers in a training part, below which one thread is faster than several


@dataclass(frozen=True)
class Choice:
    """The regularisation of one classifier, and how it was chosen.

    Attributes:
        c: inverse strength of the L2 penalty.
        how: how it was chosen, in words.
        at_edge: whether it is the first or the last value of the grid, so that a wider grid might
            have led to another choice.
        converged: whether the final fit converged.
    """

    c: float
    how: str
    at_edge: bool
    converged: bool


@dataclass(frozen=True, eq=False)
class Classified(Generic[Chosen]):
    """The predictions of a classifier for a test part.

    Attributes:
        probabilities: (N, K).
        choice: what was chosen for the classifier on its training part.
    """

    probabilities: Floats
    choice: Chosen


def classify(
    train: Floats,
    labels: Integers,
    groups: NDArray[Any],
    test: Floats,
    *,
    classes: int,
    seed: int = 0,
) -> Classified[Choice]:
    """Choose C and fit on the training part, then predict the test part.

    Args:
        train: features, (N, D).
        labels: class indices, (N,).
        groups: group of each sample, (N,); groups are not split between inner folds.
        test: features, (M, D).
        classes: K; a class that is not in the training part gets probability 0.
        seed: of the inner folds.
    """
    if (certain := one_class(labels, len(test), classes=classes)) is not None:
        only = Choice(DEFAULT_C, "the training part has one class", at_edge=False, converged=True)
        return Classified(certain, only)
    c, how = choose_c(train, labels, groups, classes=classes, seed=seed)
    (probabilities,), converged = _fit(train, labels, test, (c,), classes)
    at_edge = how.startswith("chosen") and c in (GRID[0], GRID[-1])
    return Classified(probabilities, Choice(c, how, at_edge, converged))


def choose_c(
    features: Floats, labels: Integers, groups: NDArray[Any], *, classes: int, seed: int = 0
) -> tuple[float, str]:
    """Choose C from `GRID` by cross-validation over groups; the default if that is impossible.

    Returns:
        The value, and in words how it was chosen.
    """
    place, how = inner_folds.choose(
        lambda train, its_labels, held: _fit(train, its_labels, held, GRID, classes)[0],
        features,
        labels,
        groups,
        seed=seed,
    )
    return DEFAULT_C if place is None else GRID[place], how


def one_class(labels: Integers, count: int, *, classes: int) -> Floats | None:
    """Return certain predictions (`count`, K) if all `labels` are the same, else None."""
    if len(np.unique(labels)) > 1:
        return None
    certain = np.zeros((count, classes))  # (count, K)
    certain[:, labels[0]] = 1
    return certain


def _fit(
    train: Floats, labels: Integers, test: Floats, grid: tuple[float, ...], classes: int
) -> tuple[list[Floats], bool]:
    """Return probabilities (M, K) of the test part for each C; and if the last fit converged."""
    model = LogisticRegression(
        solver="newton-cg", tol=_TOLERANCE, max_iter=_ROUNDS, warm_start=len(grid) > 1
    )
    tables = []
    with threadpool_limits(1 if train.size < _SMALL else None), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported by `converged`
        warnings.filterwarnings("ignore", "Line Search failed")  # within rounding of the optimum
        train, test = _prepared(train, test)
        for c in grid:
            model.set_params(C=c).fit(train, labels)
            table = np.zeros((len(test), classes))
            table[:, model.classes_] = model.predict_proba(test)
            tables.append(table)
    return tables, bool(np.max(model.n_iter_) < _ROUNDS)


def _prepared(train: Floats, test: Floats) -> tuple[Floats, Floats]:
    """Standardise both parts by the training part, and reduce their columns if there are many."""
    scaler = StandardScaler().fit(train.astype(np.float64))
    root = np.sqrt(train.shape[1])  # so that C does not depend on the number of features
    return onto_basis(scaler.transform(train) / root, scaler.transform(test) / root)


def onto_basis(train: Floats, test: Floats) -> tuple[Floats, Floats]:
    """Return both parts with at most as many columns as the training part has rows.

    The weights of an L2-penalised linear layer lie in the span of the training rows. Expressing
    the features in an orthonormal basis of that span therefore changes no prediction, but the
    classifier trains faster.

    Args:
        train: features, (N, D).
        test: features, (M, D).
    """
    if train.shape[1] <= train.shape[0]:
        return train, test
    basis = np.linalg.svd(train, full_matrices=False)[2].T  # (D, N)
    return train @ basis, test @ basis
