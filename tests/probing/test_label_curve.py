from __future__ import annotations

import numpy as np
import pytest

from selfvid.probing.label_curve import draw_per_class, label_curve
from selfvid.probing.variants import assess
from tests.probing.synthetic import a_task, some_features

pytestmark = pytest.mark.slow


def test_a_label_draw_takes_the_same_number_of_every_class() -> None:
    labels = np.array([0] * 5 + [1] * 9 + [3] * 4)
    for seed in range(5):
        chosen = draw_per_class(labels, 4, np.random.default_rng(seed))
        assert np.bincount(labels[chosen]).tolist() == [4, 4, 0, 4]
        assert len(set(chosen.tolist())) == 12


def test_a_label_curve_rises_to_the_accuracy_of_the_table_and_names_skipped_counts() -> None:
    task = a_task(120)
    variants = {
        "a": [some_features(task, signal=0.8)],
        "b": [some_features(task, signal=0.1, seed=1)],
    }
    found = {name: assess(name, repeats, task) for name, repeats in variants.items()}
    full = {name: outcome.correct for name, outcome in found.items()}
    curve = label_curve(variants, full, task, counts=[10, 1, 99], draws=5)
    own = [point for point in curve.points if point.variant == "a"]
    assert [point.per_class for point in own] == [1, 10, None]
    assert own[0].accuracy.mean < own[1].accuracy.mean
    assert own[2].accuracy == task.interval(found["a"].correct)
    assert len(own[0].draws) == 5
    assert len(set(own[0].draws)) > 1
    assert curve.skipped == (
        "99 per class left out: some class has only 48 training videos in some fold",
    )
    assert curve.differences[-1].difference.low > 0
