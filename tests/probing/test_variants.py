from __future__ import annotations

import numpy as np
import pytest

from selfvid.data.manifest.splits import Fold
from selfvid.probing.comparison import (
    ENCODER,
    FROZEN,
    RANDOM,
    SHUFFLED,
    compare,
    in_words,
    motion_check,
    order_change,
)
from selfvid.probing.label_curve import draw_per_class, label_curve
from selfvid.probing.variants import Task, assess, chance, summarise


def _task(videos: int = 60, folds: int = 5) -> Task:
    """Two classes, groups of two videos, every fifth group in each fold."""
    groups = np.arange(videos) // 2
    parts = [np.flatnonzero(groups % folds == fold) for fold in range(folds)]
    every = np.arange(videos)
    return Task(
        labels=np.arange(videos) % 2,
        groups=groups,
        folds=tuple(
            Fold(np.setdiff1d(every, test), test, f"fold {n}") for n, test in enumerate(parts)
        ),
        classes=("even", "odd"),
    )


def _features(task: Task, *, signal: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(len(task.labels), 6))
    noise[:, 0] += signal * (2 * task.labels - 1)
    return noise


def test_features_that_tell_all_are_right_everywhere() -> None:
    task = _task()
    row = summarise(assess("it", [_features(task, signal=50)], task), task)
    assert row.accuracy.mean == row.recall[1] == row.knn[5] == 1
    assert row.fold_accuracies == (1.0,) * 5
    assert row.accuracy.low < 1


def test_features_that_tell_nothing_stay_near_chance() -> None:
    task = _task(400)
    found = [
        summarise(assess("it", [_features(task, signal=0, seed=seed)], task), task)
        for seed in range(3)
    ]
    assert np.mean([row.accuracy.mean for row in found]) == pytest.approx(0.5, abs=0.06)


def test_labels_of_the_test_part_never_reach_its_own_verdict() -> None:
    task = _task()
    features = _features(task, signal=1)
    first = task.folds[0].test
    other = np.array(task.labels)
    other[first] = 1 - other[first]
    swapped = Task(other, task.groups, task.folds, task.classes)
    one = assess("it", [features], task).probabilities[0, first]
    two = assess("it", [features], swapped).probabilities[0, first]
    assert (one == two).all()


def test_untested_videos_count_for_nothing() -> None:
    whole = _task()
    task = Task(whole.labels, whole.groups, whole.folds[:1], whole.classes)
    found = assess("it", [_features(task, signal=9)], task)
    assert np.isnan(found.correct).sum() == 48
    assert (found.predicted[0] == -1).sum() == 48
    assert summarise(found, task).accuracy.mean == 1


def test_chance_is_the_largest_class_of_each_test_part() -> None:
    task = _task(20, folds=2)
    uneven = Task(np.array([0] * 14 + [1] * 6), task.groups, task.folds, task.classes)
    expected = [
        max(np.mean(uneven.labels[f.test]), 1 - np.mean(uneven.labels[f.test])) for f in task.folds
    ]
    assert chance(uneven).fold_accuracies == pytest.approx(expected)
    assert chance(uneven).accuracy.mean == pytest.approx(np.mean(expected))


def test_verdicts_tell_help_from_harm_from_not_knowing() -> None:
    task = _task(200)
    good, poor = _features(task, signal=2), _features(task, signal=0.1, seed=1)
    for own, random, words in (
        (good, poor, "pretraining helped: +"),
        (poor, good, "pretraining hurt: -"),
        (good, good, "unresolved at this size: +0.0 points [+0.0, +0.0] over random weights"),
    ):
        found = compare({ENCODER: [own], RANDOM: [random], "metadata": [poor]}, task)
        said = in_words(found, task, start="random weights")
        assert said[0].startswith(words)
        assert ("above what metadata gives away" in said[1]) == (own is good)


def test_an_encoder_at_chance_is_said_to_be() -> None:
    task = _task(40)
    noise = [_features(task, signal=0)]
    said = in_words(compare({ENCODER: noise, RANDOM: noise}, task), task, start="")
    assert any(sentence.startswith("not shown to be above chance") for sentence in said)


def test_a_label_draw_takes_the_same_number_of_every_class() -> None:
    labels = np.array([0] * 5 + [1] * 9 + [3] * 4)
    for seed in range(5):
        chosen = draw_per_class(labels, 4, np.random.default_rng(seed))
        assert np.bincount(labels[chosen]).tolist() == [4, 4, 0, 4]
        assert len(set(chosen.tolist())) == 12


def test_a_label_curve_rises_ends_at_the_table_and_says_what_it_skips() -> None:
    task = _task(120)
    variants = {"a": [_features(task, signal=0.8)], "b": [_features(task, signal=0.1, seed=1)]}
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


def _motion_words(*, ordered: float, frozen: float, shuffled: float) -> tuple[str, ...]:
    task = _task(200)
    variants = {
        name: _features(task, signal=signal)
        for name, signal in ((ENCODER, ordered), (FROZEN, frozen), (SHUFFLED, shuffled))
    }
    as_is, still, mixed = (assess(name, [features], task) for name, features in variants.items())
    seen = order_change(variants[ENCODER], variants[SHUFFLED])
    return motion_check(as_is, still, mixed, task, order_seen=seen, pool="mean").words


def test_labels_that_are_motion_are_told_from_labels_that_are_not() -> None:
    motion = _motion_words(ordered=2, frozen=0, shuffled=0)
    assert motion[0].startswith("labels cannot be read from one frame")
    assert motion[1].startswith("order matters: +")
    several = _motion_words(ordered=2, frozen=0.5, shuffled=1.95)
    assert several[0].startswith("more than one frame helps: +")
    assert several[1].startswith("order makes no difference that this resolves")
    still = _motion_words(ordered=1.5, frozen=1.5, shuffled=1.5)
    assert still[0].startswith("labels can be read without motion")


def test_features_blind_to_order_are_said_to_be_blind() -> None:
    assert _motion_words(ordered=2, frozen=2, shuffled=2)[1].startswith(
        "these features cannot see order"
    )


def test_nothing_is_said_of_motion_at_chance() -> None:
    assert _motion_words(ordered=0, frozen=0, shuffled=0) == (
        "nothing can be said of motion: the probe is not shown to be above chance as it is",
    )


def test_one_group_alone_resolves_nothing_and_says_so() -> None:
    whole = _task(40)
    task = Task(whole.labels, np.zeros(40, int), whole.folds[:1], whole.classes)
    good, poor = [_features(task, signal=9)], [_features(task, signal=0)]
    said = in_words(compare({ENCODER: good, RANDOM: poor}, task), task, start="")
    assert said[0].startswith("unresolved at this size")
    assert "[no interval]" in said[0]
    assert any("1 groups only" in sentence for sentence in said)
