from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from selfvid.probing.classifiers.linear import DEFAULT_C, GRID, choose_c, classify


def _blobs(
    *, per_class: int, features: int, noise: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), per_class)
    centres = rng.normal(size=(3, features))
    groups = np.tile(np.arange(per_class), 3)
    return centres[labels] + noise * rng.normal(size=(len(labels), features)), labels, groups


def _plain(train: np.ndarray, labels: np.ndarray, test: np.ndarray, c: float) -> np.ndarray:
    """The same classifier without expressing features in a smaller basis."""
    mean, deviation = train.mean(0), train.std(0)
    root = np.sqrt(train.shape[1])
    model = LogisticRegression(C=c, max_iter=10_000, tol=1e-9)
    model.fit((train - mean) / deviation / root, labels)
    return model.predict_proba((test - mean) / deviation / root)


@pytest.mark.parametrize("features", [5, 200])
def test_probabilities_equal_those_of_the_plain_regression(features: int) -> None:
    train, labels, groups = _blobs(per_class=12, features=features, noise=2.0)
    test, _, _ = _blobs(per_class=4, features=features, noise=2.0, seed=1)
    found = classify(train, labels, groups, test, classes=3)
    expected = _plain(train, labels, test, found.choice.c)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-4)


def test_the_choice_is_the_best_of_the_grid_over_inner_group_folds() -> None:
    train, labels, groups = _blobs(per_class=15, features=8, noise=2.5)
    right = np.zeros(len(GRID))
    inner = StratifiedGroupKFold(3, shuffle=True, random_state=4)
    for fit, held in inner.split(train, labels, groups):
        for place, c in enumerate(GRID):
            guesses = _plain(train[fit], labels[fit], train[held], c).argmax(1)
            right[place] += (guesses == labels[held]).sum()
    chosen, how = choose_c(train, labels, groups, classes=3, seed=4)
    assert right[GRID.index(chosen)] == right.max()
    assert how == "chosen by 3 inner folds"


def test_scaling_or_shifting_features_changes_nothing() -> None:
    train, labels, groups = _blobs(per_class=8, features=30, noise=2.0)
    scale = np.geomspace(1e-3, 1e3, 30)
    one = classify(train[:-5], labels[:-5], groups[:-5], train[-5:], classes=3)
    moved = train * scale + 100
    other = classify(moved[:-5], labels[:-5], groups[:-5], moved[-5:], classes=3)
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-4)


def test_test_features_do_not_influence_the_choice() -> None:
    train, labels, groups = _blobs(per_class=8, features=10, noise=2.0)
    choices = {
        classify(train, labels, groups, test, classes=3).choice
        for test in (train[:2], train[:2] * 1e6, np.zeros((7, 10)))
    }
    assert len(choices) == 1


@pytest.mark.parametrize(
    ("labels", "groups"),
    [([0, 1, 0, 1, 0, 1], [0, 0, 0, 1, 1, 1]), ([0, 0, 0, 0, 1, 1], [0, 1, 2, 3, 4, 5])],
)
def test_too_few_groups_or_videos_take_the_default(labels: list[int], groups: list[int]) -> None:
    features = np.random.default_rng(0).normal(size=(6, 4))
    c, how = choose_c(features, np.array(labels), np.array(groups), classes=2)
    assert c == DEFAULT_C
    assert how.startswith("default: fewer than 3 groups or videos")


def test_a_class_that_training_lacks_gets_no_probability() -> None:
    train, labels, groups = _blobs(per_class=6, features=4, noise=0.5)
    found = classify(train, labels * 2, groups, train, classes=6).probabilities
    assert (found[:, [1, 3, 5]] == 0).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(len(train)))


def test_a_single_class_is_predicted_with_certainty() -> None:
    train = np.random.default_rng(0).normal(size=(3, 2))
    found = classify(train, np.array([1, 1, 1]), np.arange(3), train, classes=2)
    assert found.probabilities.tolist() == [[0, 1]] * 3


def test_constant_features_do_not_change_predictions() -> None:
    train, labels, groups = _blobs(per_class=6, features=4, noise=0.5)
    dead = np.column_stack((train, np.full(len(train), 0.1)))
    found = classify(dead, labels, groups, dead, classes=3)
    assert np.isfinite(found.probabilities).all()
    alive = classify(train, labels, groups, train, classes=3)
    assert (found.probabilities.argmax(1) == alive.probabilities.argmax(1)).all()
