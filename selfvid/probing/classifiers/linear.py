"""Logistic regression whose regularisation is chosen on the training part alone."""

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

GRID = tuple(10.0**power for power in range(-2, 5))
DEFAULT_C = 1.0
PROTOCOL = (
    "features standardised on the training part and divided by the root of their number, so that "
    "C means the same for every variant; L2 logistic regression; C chosen by inner cross-"
    "validation over groups of the training part: highest accuracy, ties by lowest log loss"
)
_ROUNDS = 1000
_TOLERANCE = 1e-7
_SMALL = 1_000_000  # numbers in a training part, below which threads cost more than they bring


@dataclass(frozen=True)
class Choice:
    """The regularisation of one classifier, and how it was arrived at.

    Attributes:
        c: inverse strength of the L2 penalty.
        how: in words.
        at_edge: whether the grid ended there, so that a wider one might have chosen otherwise.
        converged: whether the final fit did.
    """

    c: float
    how: str
    at_edge: bool
    converged: bool


@dataclass(frozen=True, eq=False)
class Classified(Generic[Chosen]):
    """What a classifier says of a test part: probabilities (N, K), and what was chosen for it."""

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
    """Fit on the training part, choosing C there, and score the test part.

    Args:
        train: features, (N, D).
        labels: class indices, (N,).
        groups: what must not straddle the inner folds, (N,).
        test: features, (M, D).
        classes: K; a class that the training part lacks gets probability 0.
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
    """C from `GRID` by cross-validation over groups, or the default where that cannot be done.

    Returns:
        The value, and how it was arrived at in words.
    """
    place, how = inner_folds.choose(
        lambda train, known, held: _fit(train, known, held, GRID, classes)[0],
        features,
        labels,
        groups,
        seed=seed,
    )
    return DEFAULT_C if place is None else GRID[place], how


def one_class(labels: Integers, count: int, *, classes: int) -> Floats | None:
    """Certainty (`count`, K) where all `labels` are the same; None where there is a choice."""
    if len(np.unique(labels)) > 1:
        return None
    certain = np.zeros((count, classes))
    certain[:, labels[0]] = 1
    return certain


def _fit(
    train: Floats, labels: Integers, test: Floats, grid: tuple[float, ...], classes: int
) -> tuple[list[Floats], bool]:
    """Probabilities of the test part for each C, and whether the last fit converged."""
    # A loose tolerance would be a second, hidden regularisation where C is large.
    model = LogisticRegression(
        solver="newton-cg", tol=_TOLERANCE, max_iter=_ROUNDS, warm_start=len(grid) > 1
    )
    tables = []
    with threadpool_limits(1 if train.size < _SMALL else None), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported by `converged`
        warnings.filterwarnings("ignore", "Line Search failed")  # where rounding is reached
        train, test = _prepared(train, test)
        for c in grid:
            model.set_params(C=c).fit(train, labels)
            table = np.zeros((len(test), classes))
            table[:, model.classes_] = model.predict_proba(test)
            tables.append(table)
    return tables, bool(np.max(model.n_iter_) < _ROUNDS)


def _prepared(train: Floats, test: Floats) -> tuple[Floats, Floats]:
    """Both parts standardised by the training part, with at most as many columns as rows."""
    scaler = StandardScaler().fit(train.astype(np.float64))
    root = np.sqrt(train.shape[1])
    return onto_basis(scaler.transform(train) / root, scaler.transform(test) / root)


def onto_basis(train: Floats, test: Floats) -> tuple[Floats, Floats]:
    """Both parts with at most as many columns as the training part has rows.

    The weights of an L2-penalised linear layer lie in the span of the training rows, so turning
    the features onto an orthonormal basis of that span changes no prediction, only the time.
    """
    if train.shape[1] <= train.shape[0]:
        return train, test
    basis = np.linalg.svd(train, full_matrices=False)[2].T  # (D, N)
    return train @ basis, test @ basis
