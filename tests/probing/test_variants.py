from __future__ import annotations

import numpy as np
import pytest

from selfvid.probing.variants import Task, assess, chance, summarise
from tests.probing.synthetic import a_task, some_features


def test_features_that_reveal_the_label_are_always_right() -> None:
    task = a_task()
    row = summarise(assess("it", [some_features(task, signal=50)], task), task)
    assert row.accuracy.mean == row.recall[1] == row.knn[5] == 1
    assert row.fold_accuracies == (1.0,) * 5
    assert row.accuracy.low < 1


def test_features_without_information_stay_near_chance() -> None:
    task = a_task(400)
    found = [
        summarise(assess("it", [some_features(task, signal=0, seed=seed)], task), task)
        for seed in range(3)
    ]
    assert np.mean([row.accuracy.mean for row in found]) == pytest.approx(0.5, abs=0.06)


def test_predictions_do_not_depend_on_labels_of_the_test_part() -> None:
    task = a_task()
    features = some_features(task, signal=1)
    first = task.folds[0].test
    other = np.array(task.labels)
    other[first] = 1 - other[first]
    swapped = Task(other, task.groups, task.folds, task.classes)
    one = assess("it", [features], task).probabilities[0, first]
    two = assess("it", [features], swapped).probabilities[0, first]
    assert (one == two).all()


def test_untested_videos_count_for_nothing() -> None:
    whole = a_task()
    task = Task(whole.labels, whole.groups, whole.folds[:1], whole.classes)
    found = assess("it", [some_features(task, signal=9)], task)
    assert np.isnan(found.correct).sum() == 48
    assert (found.predicted[0] == -1).sum() == 48
    assert summarise(found, task).accuracy.mean == 1


def test_chance_is_the_largest_class_of_each_test_part() -> None:
    task = a_task(20, folds=2)
    uneven = Task(np.array([0] * 14 + [1] * 6), task.groups, task.folds, task.classes)
    expected = [
        max(np.mean(uneven.labels[f.test]), 1 - np.mean(uneven.labels[f.test])) for f in task.folds
    ]
    assert chance(uneven).fold_accuracies == pytest.approx(expected)
    assert chance(uneven).accuracy.mean == pytest.approx(np.mean(expected))
