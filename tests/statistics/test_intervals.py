from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from selfvid.statistics.intervals import GroupDraws, accuracy_interval, difference_interval


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
    found = accuracy_interval(correct, groups, draws=20_000)
    exact = np.quantile(means, [0.025, 0.975], method="inverted_cdf")
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


def test_a_difference_that_all_groups_share_has_the_exact_bound() -> None:
    correct = np.random.default_rng(0).integers(2, size=50)
    found = difference_interval(correct, correct, np.arange(50) // 5)
    other = 1 - 0.025 ** (1 / 10)  # the share of groups that ten alike do not rule out
    assert found == pytest.approx((-other, 0, other))
    better = difference_interval(np.ones(50), np.zeros(50), np.arange(50) // 5)
    assert better == pytest.approx((1 - 2 * other, 1, 1))


def test_one_accuracy_in_every_group_has_the_exact_bound_too() -> None:
    found = accuracy_interval([1, 0] * 10, np.arange(20) // 2)
    other = 1 - 0.025 ** (1 / 10)
    assert found == pytest.approx((0.5 - 0.5 * other, 0.5, 0.5 + 0.5 * other))


def test_samples_without_a_group_are_refused() -> None:
    with pytest.raises(ValueError, match="N = 1, got"):
        accuracy_interval([1, 0], ["a"])


def test_several_figures_on_the_same_draws_are_those_of_each_alone() -> None:
    values = np.random.default_rng(0).normal(size=(30, 3))
    drawn = GroupDraws.of(np.arange(30) // 3, draws=300)
    assert drawn.groups == 10
    together = drawn.means(values)
    for found, column in zip(together, values.T, strict=True):
        assert found == pytest.approx(drawn.mean(column))
        assert found.mean == pytest.approx(column.sum() / 30)


def test_draws_over_single_samples_are_those_of_a_plain_bootstrap() -> None:
    values = np.array([0.0, 1.0, 4.0, 9.0])
    drawn = GroupDraws.of(np.arange(4), draws=50)
    expected = [np.repeat(values, counts).mean() for counts in drawn.counts]
    low, high = np.quantile(expected, [0.025, 0.975])
    assert drawn.mean(values) == pytest.approx((low, values.mean(), high))


def test_the_ratio_of_a_figure_to_a_multiple_of_itself_has_no_width() -> None:
    values = np.random.default_rng(1).random(40) + 1
    found = GroupDraws.of(np.arange(40) // 4, draws=200).ratio(values, 4 * values)
    assert found == pytest.approx((0.25, 0.25, 0.25))
    shares = GroupDraws.of(np.arange(40) // 4, draws=200).ratio(values, np.ones(40))
    assert shares == pytest.approx(GroupDraws.of(np.arange(40) // 4, draws=200).mean(values))


def test_figures_without_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="groups must not be empty"):
        GroupDraws.of([])
    with pytest.raises(ValueError, match=r"must be \(N,\) or \(R, N\) and not empty"):
        accuracy_interval(np.zeros((1, 2, 3)), [0, 1, 2])
