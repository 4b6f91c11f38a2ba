import itertools
import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest

from selfvid.statistics.paired import holm, sign_flip_p, stand

RNG = np.random.default_rng(0)


def flags(text: str) -> np.ndarray:
    return np.array([letter == "1" for letter in text])


def test_counts_and_difference_are_those_of_a_hand() -> None:
    found = stand(flags("111100"), flags("100010"), np.array(list("abcdef")))
    assert (found.only_first, found.only_second, found.videos, found.groups) == (3, 1, 6, 6)
    assert found.difference.mean == pytest.approx((4 - 2) / 6)


def test_both_tests_are_one_where_every_video_is_a_group() -> None:
    first, second = RNG.random((2, 40)) < 0.6
    found = stand(first, second, np.arange(40).astype(str))
    assert found.p == found.p_videos
    assert "sign flips" not in found.test_in_words()


def test_test_over_groups_enumerates_the_signs_of_groups() -> None:
    first, second = RNG.random((2, 30)) < 0.5
    groups = RNG.integers(6, size=30)
    gaps = [int(first[groups == g].sum()) - int(second[groups == g].sum()) for g in set(groups)]
    sums = [abs(sum(signed)) for signed in product(*((gap, -gap) for gap in gaps))]
    share = np.mean([total >= abs(sum(gaps)) for total in sums])
    found = stand(first, second, groups.astype(str))
    assert found.p == pytest.approx(share)
    assert "by exact sign flips of 6 groups" in found.test_in_words()


def test_interval_resamples_whole_groups() -> None:
    # Four videos of a group that say the same are worth one: twice as wide as sixteen times four.
    first = np.repeat(np.arange(16) % 4 > 0, 4)
    alone = stand(first, ~first, np.arange(64).astype(str)).difference
    whole = stand(first, ~first, np.repeat(np.arange(16), 4).astype(str)).difference
    assert whole.mean == alone.mean == pytest.approx(0.5)
    assert (whole.high - whole.low) / (alone.high - alone.low) == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize(("groups", "resolved"), [(2, False), (5, False), (6, True), (20, True)])
def test_a_few_videos_that_all_agree_resolve_nothing(groups: int, resolved: bool) -> None:
    names = np.arange(groups).astype(str)
    found = stand(np.ones(groups, bool), np.zeros(groups, bool), names)
    assert found.resolved == resolved
    assert (found.difference.low > 0) == (found.p < 0.05) == resolved
    # With a share q of other outcomes, all G groups agree with a chance of 2.5 %.
    other = (1 - found.difference.low) / 2
    assert (1 - other) ** groups == pytest.approx(0.025)
    same = stand(np.ones(groups, bool), np.ones(groups, bool), names)
    assert same.difference.low == -same.difference.high < 0
    assert not same.resolved


def test_one_group_has_no_interval_and_resolves_nothing() -> None:
    found = stand(np.ones(9, bool), np.zeros(9, bool), np.array(["a"] * 9))
    assert math.isnan(found.difference.low)
    assert found.p == 1
    assert not found.resolved
    assert "[no interval]" in found.in_words("a", "b")


def test_verdict_says_which_way() -> None:
    first, second = np.ones(20, bool), np.arange(20) < 8
    names = np.arange(20).astype(str)
    assert stand(first, second, names).in_words("a", "b").startswith("better: a minus b +60.0")
    assert stand(second, first, names).in_words("a", "b").startswith("worse: a minus b -60.0")
    assert stand(first, first, names).in_words("a", "b").startswith("unresolved at this size")


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
