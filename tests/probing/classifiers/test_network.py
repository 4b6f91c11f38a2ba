from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neural_network import MLPClassifier

from selfvid.probing.classifiers.network import DECAYS, WIDTHS, classify

pytestmark = pytest.mark.slow


def _rings(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two classes that no plane separates: inside a circle and around it."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    angle = rng.uniform(0, 2 * np.pi, count)
    radius = 1 + labels + rng.normal(scale=0.1, size=count)
    features = np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1)
    return features, labels, np.arange(count) // 2


def test_classes_that_no_plane_separates_are_separated() -> None:
    train, labels, groups = _rings(120, seed=0)
    test, truth, _ = _rings(60, seed=1)
    found = classify(train, labels, groups, test, classes=2)
    assert (found.probabilities.argmax(axis=1) == truth).mean() > 0.95
    assert found.probabilities.sum(axis=1) == pytest.approx(np.ones(60))
    assert found.choice.width in WIDTHS
    assert found.choice.decay in DECAYS
    assert found.choice.how == "chosen by 3 inner folds"


@pytest.mark.filterwarnings("ignore:lbfgs failed:sklearn.exceptions.ConvergenceWarning")
def test_width_and_decay_are_the_best_over_inner_folds() -> None:
    train, labels, groups = _rings(60, seed=2)
    train += np.random.default_rng(3).normal(scale=0.5, size=train.shape)
    right = {(width, decay): 0 for width in WIDTHS for decay in DECAYS}
    inner = StratifiedGroupKFold(3, shuffle=True, random_state=0)
    for fit, held in inner.split(train, labels, groups):
        apart = train - train[fit].mean(0)
        scaled = apart / np.sqrt(np.mean([np.dot(row, row) for row in apart[fit]]))
        for width, decay in right:
            model = MLPClassifier(
                (width,), solver="lbfgs", alpha=decay, max_iter=500, random_state=0
            )
            guessed = model.fit(scaled[fit], labels[fit]).predict(scaled[held])
            right[width, decay] += int((guessed == labels[held]).sum())
    choice = classify(train, labels, groups, train, classes=2).choice
    assert right[choice.width, choice.decay] == max(right.values()) > min(right.values())


def test_columns_that_hardly_vary_do_not_outweigh_the_others() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    telling = np.stack((labels, 1 - labels), axis=1) + rng.normal(scale=0.1, size=(60, 2))
    features = np.concatenate((telling, rng.normal(scale=0.005, size=(60, 2000))), axis=1)
    found = classify(
        features[:30], labels[:30], np.arange(30) // 2, features[30:], classes=2
    ).probabilities
    assert (found.argmax(axis=1) == labels[30:]).all()


def test_moving_or_scaling_all_features_changes_nothing() -> None:
    train, labels, groups = _rings(40, seed=0)
    one = classify(train[:30], labels[:30], groups[:30], train[30:], classes=2)
    moved = 7 * train + 100
    other = classify(moved[:30], labels[:30], groups[:30], moved[30:], classes=2)
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-2)


def test_features_that_are_all_the_same_are_no_error() -> None:
    same = np.ones((12, 3))
    found = classify(same, np.arange(12) % 2, np.arange(12) // 2, same, classes=2)
    assert np.isfinite(found.probabilities).all()


def test_too_few_groups_take_the_default() -> None:
    train, labels, _ = _rings(12, seed=0)
    found = classify(train, labels, np.arange(12) // 6, train, classes=2)
    assert found.choice.how.startswith("default: fewer than 3 groups")


def test_a_class_that_training_lacks_has_no_probability() -> None:
    train, labels, groups = _rings(30, seed=0)
    found = classify(train, 2 * labels, groups, train, classes=3)
    assert (found.probabilities[:, 1] == 0).all()


def test_a_single_class_is_predicted_with_certainty() -> None:
    train, labels, groups = _rings(10, seed=0)
    found = classify(train, 0 * labels + 1, groups, train[:4], classes=3)
    assert found.probabilities.tolist() == [[0, 1, 0]] * 4
