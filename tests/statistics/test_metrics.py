from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binomtest

from selfvid.statistics.intervals import accuracy_interval, difference_interval
from selfvid.statistics.metrics import (
    accuracy,
    average_precision,
    confusion,
    effective_rank,
    hit_at_k,
    mean_average_precision,
    per_class_accuracy,
    recall_at_k,
    tiou,
)
from selfvid.statistics.paired import holm, sign_flip_p


def test_hit_at_k_counts_labels_among_the_highest_scores() -> None:
    scores = [[0.1, 0.2, 0.7], [0.5, 0.4, 0.1], [0.3, 0.6, 0.1]]
    labels = [2, 1, 2]  # first, second and third place
    assert [hit_at_k(scores, labels, k) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])


def test_accuracy_is_the_diagonal_of_the_confusion() -> None:
    rng = np.random.default_rng(0)
    predicted, labels = rng.integers(4, size=(2, 50))
    table = confusion(predicted, labels, 4)
    looped = np.zeros((4, 4), int)
    for guess, truth in zip(predicted, labels, strict=True):
        looped[truth, guess] += 1
    assert (table == looped).all()
    assert accuracy(predicted, labels) == pytest.approx(np.trace(looped) / 50)


def test_per_class_accuracy_is_unknown_for_a_class_without_samples() -> None:
    found = per_class_accuracy([0, 0, 1], [0, 1, 1], 3)
    assert found[:2].tolist() == [1.0, 0.5]
    assert math.isnan(found[2])


def test_average_precision_matches_hand_arithmetic() -> None:
    # Ranked: right, wrong, right, wrong; precision at the right ones is 1/1 and 2/3.
    assert average_precision([4, 3, 2, 1], [1, 0, 1, 0]) == pytest.approx((1 + 2 / 3) / 2)


def test_average_precision_does_not_depend_on_the_order_of_ties() -> None:
    found = {average_precision([1, 1, 1], order) for order in ([1, 0, 0], [0, 1, 0], [0, 0, 1])}
    assert found == {1 / 3}


def test_average_precision_without_positives_is_unknown() -> None:
    assert math.isnan(average_precision([1, 2], [0, 0]))


def test_mean_average_precision_averages_classes_that_occur() -> None:
    scores = np.array([[3.0, 1, 9], [2, 3, 9], [1, 2, 9]])
    one = average_precision(scores[:, 0], [1, 0, 1])
    other = average_precision(scores[:, 1], [0, 1, 0])
    assert mean_average_precision(scores, [0, 1, 0]) == pytest.approx((one + other) / 2)


def test_recall_at_k_matches_a_loop_over_queries() -> None:
    rng = np.random.default_rng(1)
    similarity = rng.normal(size=(20, 9))
    queries, bank = rng.integers(3, size=20), rng.integers(3, size=9)
    for k in (1, 3, 100):
        hits = 0
        for row, label in zip(similarity, queries, strict=True):
            ranked = [at for _, at in sorted(zip(-row, range(9), strict=True))]
            hits += any(bank[at] == label for at in ranked[:k])
        assert recall_at_k(similarity, queries, bank, k) == pytest.approx(hits / 20)


def test_tiou_of_overlapping_apart_nested_and_empty_segments() -> None:
    found = tiou([[0, 4]], [[2, 6], [5, 9], [1, 2], [0, 4]])
    assert found.tolist() == pytest.approx(np.array([[2 / 6, 0, 1 / 4, 1]]))
    assert tiou([[1, 1]], [[1, 1]]).item() == 0


def test_effective_rank_counts_directions_of_equal_spread() -> None:
    square = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
    assert effective_rank(square + 7) == pytest.approx(2)
    assert effective_rank(square[:2]) == pytest.approx(1)
    assert effective_rank(np.full((5, 3), 0.1)) == 0


def test_effective_rank_of_unequal_spread_is_the_entropy_by_hand() -> None:
    shares = 3 / 4, 1 / 4
    vectors = np.array([[3.0, 0], [-3, 0], [0, 1], [0, -1]])
    entropy = -sum(share * math.log(share) for share in shares)
    assert effective_rank(vectors) == pytest.approx(math.exp(entropy))


def test_bootstrap_over_two_groups_has_the_three_means_that_two_groups_can_give() -> None:
    correct, groups = [1, 1, 0, 0, 0, 0], ["a", "a", "b", "b", "b", "b"]
    found = accuracy_interval(correct, groups)
    # Both draws a: 1; both b: 0; one of each: 2 of 6. The ends are the extremes of these.
    assert (found.low, found.high) == (0, 1)
    assert found.mean == pytest.approx(1 / 3)


def test_bootstrap_agrees_with_all_resamples_of_three_groups_listed() -> None:
    correct = np.array([1, 1, 0, 1, 0, 0, 0])
    groups = np.array([0, 0, 0, 1, 1, 2, 2])
    means = [
        np.concatenate([correct[groups == g] for g in drawn]).mean()
        for drawn in itertools.product(range(3), repeat=3)
    ]
    found = accuracy_interval(correct, groups, draws=20_000, level=0.5)
    exact = np.quantile(means, [0.25, 0.75], method="inverted_cdf")
    assert [found.low, found.high] == pytest.approx(exact, abs=0.03)


def test_interval_is_wider_over_groups_that_agree_within_than_over_single_videos() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 10)
    correct = np.repeat(rng.integers(2, size=20), 10)
    over_groups = accuracy_interval(correct, groups)
    over_videos = accuracy_interval(correct, np.arange(200))
    ratio = (over_groups.high - over_groups.low) / (over_videos.high - over_videos.low)
    assert ratio == pytest.approx(math.sqrt(10), rel=0.15)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for trial in range(200):
        share = rng.beta(6, 4, size=30)  # each group's own chance of being right
        correct = (rng.random((30, 4)) < share[:, None]).ravel()
        found = accuracy_interval(correct, np.repeat(np.arange(30), 4), draws=400, seed=trial)
        covered += found.low <= 0.6 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_repeats_that_disagree_widen_the_interval() -> None:
    groups = np.arange(40)
    same = np.tile(np.arange(40) % 2, (3, 1))
    apart = np.stack([np.zeros(40), np.arange(40) % 2, np.ones(40)])
    narrow, wide = accuracy_interval(same, groups), accuracy_interval(apart, groups)
    assert narrow.mean == wide.mean == 0.5
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_perfect_accuracy_still_has_an_interval() -> None:
    found = accuracy_interval(np.ones(30), np.repeat(np.arange(10), 3))
    assert found.high == 1
    assert found.low**10 == pytest.approx(0.025)  # that chance of ten right groups
    none = accuracy_interval(np.zeros(30), np.repeat(np.arange(10), 3))
    assert none.high == pytest.approx(1 - found.low)


def test_one_group_alone_has_no_interval() -> None:
    found = accuracy_interval([1, 0], ["a", "a"])
    assert found.mean == 0.5
    assert math.isnan(found.low)
    assert math.isnan(difference_interval([1, 0], [0, 0], ["a", "a"]).high)


def test_paired_difference_is_tighter_than_the_difference_of_unpaired_intervals() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(200) < 0.5
    first = np.where(hard, 0, 1)
    second = np.where(np.arange(200) % 20 == 0, 0, first)
    groups = np.arange(200) // 4
    paired = difference_interval(first, second, groups)
    alone = accuracy_interval(first, groups)
    assert paired.mean == pytest.approx(first.mean() - second.mean())
    assert paired.high - paired.low < 0.6 * (alone.high - alone.low)
    assert paired.low >= 0


def test_difference_to_itself_is_exactly_nothing() -> None:
    correct = np.random.default_rng(0).integers(2, size=50)
    assert difference_interval(correct, correct, np.arange(50) // 5) == (0, 0, 0)


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="lengths must be equal"):
        accuracy([1, 2], [1])


@pytest.mark.parametrize(("first_only", "second_only"), [(0, 0), (5, 0), (7, 2), (3, 3), (40, 19)])
def test_sign_flips_of_single_videos_are_mcnemars_exact_test(
    first_only: int, second_only: int
) -> None:
    differences = [1] * first_only + [-1] * second_only + [0] * 10
    wanted = 1.0
    if first_only + second_only:
        wanted = binomtest(first_only, first_only + second_only, 0.5).pvalue
    assert sign_flip_p(differences) == pytest.approx(wanted)


def test_sign_flips_of_groups_are_those_of_an_enumeration() -> None:
    differences = np.array([3, -1, 0, 2, 2, -4, 1])
    signs = itertools.product((1, -1), repeat=len(differences))
    sums = [abs(int(np.dot(sign, differences))) for sign in signs]
    share = np.mean([total >= abs(int(differences.sum())) for total in sums])
    assert sign_flip_p(differences) == pytest.approx(share)


def test_holm_steps_down_and_keeps_the_order() -> None:
    # 0.01 x 4; 0.02 x 3; 0.03 x 2 = 0.06, no less than the one before; 0.5 x 1.
    assert holm([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]).shape == (0,)
