from __future__ import annotations

import numpy as np
import pytest

from selfvid.probing.comparison import (
    ENCODER,
    FROZEN,
    RANDOM,
    SHUFFLED,
    MotionCheck,
    check_motion,
    compare,
    order_change,
    verdicts,
)
from selfvid.probing.variants import Task, assess
from tests.probing.synthetic import a_task, some_features

pytestmark = pytest.mark.slow


def test_verdicts_distinguish_help_harm_and_no_result() -> None:
    task = a_task(200)
    good, poor = some_features(task, signal=2), some_features(task, signal=0.1, seed=1)
    # A hundred groups that all agree do not exclude that 3.6 % of all groups are different.
    bound = 100 * (1 - 0.025 ** (1 / 100))
    equal = f"unresolved at this size: +0.0 points [-{bound:.1f}, +{bound:.1f}] over random weights"
    for own, random, words in (
        (good, poor, "pretraining helped: +"),
        (poor, good, "pretraining hurt: -"),
        (good, good, equal),
    ):
        found = compare({ENCODER: [own], RANDOM: [random], "metadata": [poor]}, task)
        sentences = verdicts(found, task, start="random weights")
        assert sentences[0].startswith(words)
        assert sentences[1].startswith("above the metadata baseline: +") == (own is good)


def test_votes_of_neighbours_are_compared_as_the_classifiers_are() -> None:
    task = a_task(80)
    good, poor = some_features(task, signal=2), some_features(task, signal=0.1, seed=1)
    found = compare({ENCODER: [good], RANDOM: [poor, good]}, task)
    own, other = found.rows[0].knn[5], found.rows[1].knn[5]
    gap = found.knn_differences[RANDOM]
    assert gap.mean == pytest.approx(own - other)
    assert gap.low < gap.mean < gap.high
    assert list(found.knn_differences) == list(found.differences) == [RANDOM]


def test_an_encoder_at_chance_is_not_shown_to_be_above_it() -> None:
    task = a_task(40)
    noise = [some_features(task, signal=0)]
    sentences = verdicts(compare({ENCODER: noise, RANDOM: noise}, task), task, start="")
    assert any(sentence.startswith("not shown to be above chance") for sentence in sentences)


def _motion_words(*, ordered: float, frozen: float, shuffled: float) -> tuple[str, ...]:
    task = a_task(200)
    variants = {
        name: some_features(task, signal=signal)
        for name, signal in ((ENCODER, ordered), (FROZEN, frozen), (SHUFFLED, shuffled))
    }
    as_is, still, mixed = (assess(name, [features], task) for name, features in variants.items())
    seen = order_change(variants[ENCODER], variants[SHUFFLED])
    return MotionCheck.of(as_is, still, mixed, task, order_seen=seen, pool="mean").words


def test_labels_of_motion_are_distinguished_from_labels_without() -> None:
    motion = _motion_words(ordered=2, frozen=0, shuffled=0)
    assert motion[0].startswith("labels cannot be read from one frame")
    assert motion[1].startswith("order matters: +")
    several = _motion_words(ordered=2, frozen=0.5, shuffled=1.95)
    assert several[0].startswith("more than one frame helps: +")
    assert several[1].startswith("order makes no difference that these videos can show")
    still = _motion_words(ordered=1.5, frozen=1.5, shuffled=1.5)
    assert still[0].startswith("labels can be read without motion")


def test_features_that_do_not_depend_on_order_have_their_own_verdict() -> None:
    assert _motion_words(ordered=2, frozen=2, shuffled=2)[1].startswith(
        "these features do not depend on the order of frames (pool mean)"
    )


def test_at_chance_there_is_no_conclusion_about_motion() -> None:
    assert _motion_words(ordered=0, frozen=0, shuffled=0) == (
        "no conclusion about motion: the probe on clips as they are is not shown to be above "
        "chance",
    )


def test_one_group_has_no_interval_and_two_warnings() -> None:
    whole = a_task(40)
    task = Task(whole.labels, np.zeros(40, int), whole.folds[:1], whole.classes)
    good, poor = [some_features(task, signal=9)], [some_features(task, signal=0)]
    sentences = verdicts(compare({ENCODER: good, RANDOM: poor}, task), task, start="")
    assert sentences[0].startswith("unresolved at this size")
    assert "[no interval]" in sentences[0]
    assert any("1 groups only" in sentence for sentence in sentences)


def test_chance_is_the_last_baseline_and_views_of_the_encoder_follow() -> None:
    task = a_task(20, folds=2)
    names = (ENCODER, FROZEN, RANDOM, SHUFFLED, "metadata")
    variants = {name: [some_features(task, signal=1, seed=n)] for n, name in enumerate(names)}
    found = compare(variants, task)
    assert [row.name for row in found.rows] == [
        ENCODER,
        RANDOM,
        "metadata",
        "chance (largest class)",
        FROZEN,
        SHUFFLED,
    ]
    accuracy = {row.name: row.accuracy.mean for row in found.rows}
    assert set(found.differences) == {*names} - {ENCODER}
    for name, difference in found.differences.items():
        assert difference.mean == pytest.approx(accuracy[ENCODER] - accuracy[name])


def test_the_motion_check_needs_both_views() -> None:
    task = a_task(20, folds=2)
    variants = {name: [some_features(task, signal=1)] for name in (ENCODER, FROZEN)}
    assert check_motion(variants, compare(variants, task), task, pool="mean") is None
    variants[SHUFFLED] = [variants[ENCODER][0] + 0.5]
    found = check_motion(variants, compare(variants, task), task, pool="mean")
    assert found is not None
    assert found.over_frozen.mean == 0
    spread = max(float(column.std()) for column in variants[ENCODER][0].T)
    assert found.order_seen == pytest.approx(0.5 / spread)


def test_the_change_by_shuffling_is_measured_in_the_largest_deviation() -> None:
    ordered = np.array([[0.0, 5.0], [4.0, 5.0]])  # standard deviations 2 and 0
    shuffled = np.array([[0.0, 5.0], [4.0, 4.0]])
    assert order_change(ordered, shuffled) == 1 / 2
    assert order_change(ordered, ordered) == 0
