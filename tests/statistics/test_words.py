import math

import pytest

from selfvid.statistics.intervals import Interval
from selfvid.statistics.words import (
    FEW_GROUPS,
    about_footage,
    about_groups,
    against_baseline,
    against_chance,
    against_random,
    percents,
    points,
)

ABOVE, BELOW = Interval(0.05, 0.09, 0.13), Interval(-0.13, -0.09, -0.05)
UNRESOLVED, UNKNOWN = Interval(-0.03, 0.01, 0.05), Interval(math.nan, 0.5, math.nan)


def test_figures_are_printed_in_percent_with_their_interval() -> None:
    assert points(ABOVE) == "+9.0 points [+5.0, +13.0]"
    assert points(BELOW) == "-9.0 points [-13.0, -5.0]"
    assert percents(ABOVE) == "9.0 % [5.0, 13.0]"
    assert points(UNKNOWN) == "+50.0 points [no interval]"
    assert percents(UNKNOWN) == "50.0 % [no interval]"


@pytest.mark.parametrize(
    ("difference", "random", "baseline"),
    [
        (ABOVE, "pretraining helped: +9.0", "above the metadata baseline: +9.0"),
        (BELOW, "pretraining hurt: -9.0", "below the metadata baseline: -9.0"),
        (UNRESOLVED, "unresolved at this size: +1.0", "not shown to be above the metadata"),
        (UNKNOWN, "unresolved at this size: +50.0", "not shown to be above the metadata"),
        (Interval(0.0, 0.1, 0.2), "unresolved at this size", "not shown to be above"),
    ],
)
def test_a_claim_is_made_only_if_the_whole_interval_is_on_its_side(
    difference: Interval, random: str, baseline: str
) -> None:
    found = against_random(difference, over="random weights", videos=24, groups=6)
    assert found.startswith(random)
    assert points(difference) in found
    assert "random weights" in found
    assert ("24 videos in 6 groups" in found) == found.startswith("unresolved")
    assert against_baseline(difference, baseline="metadata").startswith(baseline)


def test_a_warning_about_chance_is_given_unless_the_interval_is_above_it() -> None:
    assert against_chance(ABOVE, chance=0.049) is None
    warning = against_chance(ABOVE, chance=0.05)
    assert warning is not None
    assert warning.startswith("not shown to be above chance: 9.0 % [5.0, 13.0]")
    assert warning.endswith("gives 5.0 %")
    unknown = against_chance(UNKNOWN, chance=0.1)
    assert unknown is not None
    assert "50.0 % [no interval]" in unknown


def test_few_groups_are_a_warning() -> None:
    warned = [groups for groups in range(1, 30) if about_groups(groups)]
    assert warned == list(range(1, FEW_GROUPS))
    assert str(about_groups(3)).startswith("3 groups only")


@pytest.mark.parametrize(
    ("counts", "beginning"),
    [
        ((20, 0, 0, True, 0), "inductive: none of the 20 test videos"),
        ((20, 5, 0, True, 0), "transductive: 5 of 20 test videos"),
        ((20, 5, 0, True, 2), "leak: the encoder was trained with the labels of 2 of 20 test"),
        ((20, 0, 0, False, 0), "the encoder does not record which footage"),
    ],
)
def test_the_gravest_relation_to_the_test_videos_is_named(
    counts: tuple[int, int, int, bool, int], beginning: str
) -> None:
    tested, seen, same_group, known, labels_seen = counts
    found = about_footage(
        tested=tested, seen=seen, same_group=same_group, known=known, labels_seen=labels_seen
    )
    assert found.startswith(beginning)


@pytest.mark.parametrize("seen", [0, 5])
def test_videos_of_a_seen_group_are_counted_if_there_are_some(seen: int) -> None:
    some = about_footage(tested=20, seen=seen, same_group=3, known=True)
    none = about_footage(tested=20, seen=seen, same_group=0, known=True)
    assert some == f"{none}; 3 more share a group with pretraining footage"
