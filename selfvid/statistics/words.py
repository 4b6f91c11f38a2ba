"""Figures in plain words: what a result says, and what it does not."""

from __future__ import annotations

import math

from selfvid.statistics.intervals import Interval

FEW_GROUPS = 10


def points(difference: Interval) -> str:
    """A difference of shares as "+12.3 points [+8.1, +16.0]"."""
    low, mean, high = (100 * end for end in difference)
    if math.isnan(low):
        return f"{mean:+.1f} points [no interval]"
    return f"{mean:+.1f} points [{low:+.1f}, {high:+.1f}]"


def percents(share: Interval) -> str:
    """A share as "71.0 % [66.0, 76.0]"."""
    low, mean, high = (100 * end for end in share)
    ends = "[no interval]" if math.isnan(low) else f"[{low:.1f}, {high:.1f}]"
    return f"{mean:.1f} % {ends}"


def against_random(difference: Interval, *, over: str, videos: int, groups: int) -> str:
    """Whether pretraining helped, from the paired difference to what it is held against."""
    if difference.low > 0:
        return f"pretraining helped: {points(difference)} over {over}"
    if difference.high < 0:
        return f"pretraining hurt: {points(difference)} against {over}"
    return (
        f"unresolved at this size: {points(difference)} over {over} "
        f"({videos} videos in {groups} groups)"
    )


def against_baseline(difference: Interval, *, baseline: str) -> str:
    """Whether the encoder tells more than a baseline that never saw what is in the pictures."""
    if difference.low > 0:
        return f"above what {baseline} gives away: {points(difference)}"
    if difference.high < 0:
        return f"below what {baseline} alone gives away: {points(difference)}"
    return (
        f"no better than what {baseline} alone gives away, as far as resolved: {points(difference)}"
    )


def against_chance(accuracy: Interval, *, chance: float) -> str | None:
    """A warning where the accuracy is not above chance; None where it is."""
    if accuracy.low > chance:
        return None
    ends = f"[{100 * accuracy.low:.1f}, {100 * accuracy.high:.1f}]"
    return (
        f"not shown to be above chance: {100 * accuracy.mean:.1f} % "
        f"{'[no interval]' if math.isnan(accuracy.low) else ends}, "
        f"naming the largest class gives {100 * chance:.1f} %"
    )


def about_groups(groups: int) -> str | None:
    """A warning where resampling so few groups gives intervals too narrow to lean on."""
    if groups >= FEW_GROUPS:
        return None
    return f"{groups} groups only: intervals from so few are narrower than they should be"


def about_footage(
    *, tested: int, seen: int, same_group: int, known: bool, labels_seen: int = 0
) -> str:
    """Whether the test videos were among the footage that the encoder was trained on.

    Args:
        tested: number of test videos.
        seen: how many of them the encoder was trained on.
        same_group: how many others share a group with a video that it was pretrained on.
        known: whether the encoder says which footage it was pretrained on.
        labels_seen: how many test videos the encoder was trained with the labels of.
    """
    if not known:
        return "the encoder does not say which footage it was pretrained on, if any"
    if labels_seen:
        return (
            f"leak: the encoder was trained with the labels of {labels_seen} of {tested} test "
            "videos; figures beside this line say nothing of other videos"
        )
    others = f"; {same_group} more share a group with footage that was" if same_group else ""
    if not seen:
        return f"inductive: none of the {tested} test videos was in the pretraining footage{others}"
    return (
        f"transductive: {seen} of {tested} test videos were in the pretraining footage, without "
        f"their labels{others}"
    )
