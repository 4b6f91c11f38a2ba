"""A small neural network whose width and weight decay are chosen within the training part."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from selfvid.probing.classifiers import inner_folds
from selfvid.probing.classifiers.linear import Classified, one_class, onto_basis

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

WIDTHS = (32, 128)  # hidden units
DECAYS = (0.01, 0.1, 1.0, 10.0)  # strengths of the L2 penalty
PROTOCOL = (
    "features minus their means on the training part, all divided by one number; one "
    "hidden layer of ReLU and softmax, trained by L-BFGS; width and weight decay chosen by inner "
    "cross-validation over groups of the training part: highest accuracy, ties by lowest log loss"
)
_GRID = tuple(product(WIDTHS, DECAYS))
_DEFAULT = (WIDTHS[0], DECAYS[1])
_ROUNDS = 500  # of L-BFGS; a fit that needs more is reported as not converged


@dataclass(frozen=True)
class NetworkChoice:
    """The width and weight decay of one network, and how they were chosen.

    Attributes:
        width: hidden units.
        decay: strength of the L2 penalty on weights.
        how: how they were chosen, in words.
        converged: whether the final fit converged.
    """

    width: int
    decay: float
    how: str
    converged: bool


def classify(
    train: Floats,
    labels: Integers,
    groups: NDArray[Any],
    test: Floats,
    *,
    classes: int,
    seed: int = 0,
) -> Classified[NetworkChoice]:
    """Choose width and decay and fit on the training part, then predict the test part.

    Args:
        train: features, (N, D).
        labels: class indices, (N,).
        groups: group of each sample, (N,); groups are not split between inner folds.
        test: features, (M, D).
        classes: K; a class that is not in the training part gets probability 0.
        seed: of the inner folds and of the initial weights.
    """
    if (certain := one_class(labels, len(test), classes=classes)) is not None:
        only = NetworkChoice(*_DEFAULT, "the training part has one class", converged=True)
        return Classified(certain, only)
    candidates = partial(_tables, classes=classes, seed=seed)
    place, how = inner_folds.choose(candidates, train, labels, groups, seed=seed)
    width, decay = _DEFAULT if place is None else _GRID[place]
    probabilities, converged = _fit(
        *_prepared(train, test), labels, width, decay, classes=classes, seed=seed
    )
    return Classified(probabilities, NetworkChoice(width, decay, how, converged))


def _tables(
    train: Floats, labels: Integers, test: Floats, *, classes: int, seed: int
) -> list[Floats]:
    """Return probabilities (M, K) of the test part for each width and decay of the grid."""
    train, test = _prepared(train, test)
    return [
        _fit(train, test, labels, width, decay, classes=classes, seed=seed)[0]
        for width, decay in _GRID
    ]


def _prepared(train: Floats, test: Floats) -> tuple[Floats, Floats]:
    """Subtract the training part's mean from both parts, and divide them by one number.

    The rows of the training part then have length 1 on average (root mean square). Columns keep
    their proportions: if each was standardised, a visual word that occurs in one video would get
    the weight of a word that occurs in half of the videos.
    """
    mean = train.mean(axis=0)
    train, test = train - mean, test - mean
    length = np.sqrt((train**2).sum(axis=1).mean()) or 1.0
    return onto_basis(train / length, test / length)


def _fit(
    train: Floats,
    test: Floats,
    labels: Integers,
    width: int,
    decay: float,
    *,
    classes: int,
    seed: int,
) -> tuple[Floats, bool]:
    """Return probabilities (M, K) of the test part, and whether the fit converged."""
    model = MLPClassifier(
        (width,), solver="lbfgs", alpha=decay, max_iter=_ROUNDS, random_state=seed
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported by `converged`
        model.fit(train, labels)
    table = np.zeros((len(test), classes))
    table[:, model.classes_] = model.predict_proba(test)
    return table, bool(model.n_iter_ < _ROUNDS)
