from __future__ import annotations

import numpy as np
import pytest

from selfvid.data.manifest.splits import Fold
from selfvid.probing.label_curve import draw_per_class, label_curve
from selfvid.probing.variants import LearnedFeatures, Task, assess
from selfvid.statistics.words import points
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
    assert curve.difference("b", 1) == curve.differences[0].difference


def test_it_is_said_who_is_first_with_few_labels() -> None:
    task = a_task(120)
    variants = {
        "mine": [some_features(task, signal=1)],
        "poor": [some_features(task, signal=0, seed=1)],
        "good": [some_features(task, signal=9, seed=2)],
    }
    full = {name: assess(name, repeats, task).correct for name, repeats in variants.items()}
    curve = label_curve(variants, full, task, counts=[5], draws=2)
    assert curve.variants == ("mine", "poor", "good")
    assert [each.variant for each in curve.differences] == ["poor", "good", "poor", "good"]
    gap = curve.difference("good", 5)
    reached = curve.point("good", 5).accuracy.mean
    assert gap.mean == pytest.approx(curve.point("mine", 5).accuracy.mean - reached)
    assert curve.words[0] == (
        f"with 5 labels per class, good comes first, with {100 * reached:.1f} %; mine minus good: "
        f"{points(gap)}"
    )
    del variants["good"], full["good"]
    words = label_curve(variants, full, task, counts=[], draws=2).words
    assert len(words) == 1
    assert words[0].startswith("with all labels, mine comes first")
    assert "mine minus poor (the next, " in words[0]


def test_features_that_are_learned_have_the_same_labelled_videos() -> None:
    task = a_task(60)
    own = some_features(task, signal=1)
    seen: list[int] = []

    class Learned(LearnedFeatures):
        def features(self, fold: Fold, task: Task) -> tuple[np.ndarray, np.ndarray]:  # noqa: ARG002
            seen.append(len(fold.train))
            return own[fold.train], own[fold.test]

    learned = Learned()
    variants: dict[str, list[np.ndarray | LearnedFeatures]] = {
        "fixed": [own],
        "learned": [learned],
    }
    full = {name: assess(name, repeats, task).correct for name, repeats in variants.items()}
    seen.clear()
    curve = label_curve(variants, full, task, counts=[2, 5], draws=3)
    assert seen == [len(fold.train) for fold in task.folds]  # once, on the whole training part
    for count in (2, 5, None):
        assert curve.point("learned", count).draws == curve.point("fixed", count).draws
        assert curve.difference("learned", count).mean == 0
