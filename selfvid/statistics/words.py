"""Sentences about results: what a figure shows, and what it does not show.

A test video is a *leak* if the encoder was trained with its label. A result is *inductive* if no
test video was among the videos of pretraining, and *transductive* if some were, without labels.
"""

from __future__ import annotations

import math

from selfvid.statistics.intervals import Interval

FEW_GROUPS = 10  # below it, a percentile bootstrap over groups is clearly too narrow


def points(difference: Interval) -> str:
    """Return a difference of shares as text, such as "+12.3 points [+8.1, +16.0]"."""
    low, mean, high = (100 * end for end in difference)
    if math.isnan(low):
        return f"{mean:+.1f} points [no interval]"
    return f"{mean:+.1f} points [{low:+.1f}, {high:+.1f}]"


def percents(share: Interval) -> str:
    """Return a share as text, such as "71.0 % [66.0, 76.0]"."""
    low, mean, high = (100 * end for end in share)
    ends = "[no interval]" if math.isnan(low) else f"[{low:.1f}, {high:.1f}]"
    return f"{mean:.1f} % {ends}"


def against_random(difference: Interval, *, over: str, videos: int, groups: int) -> str:
    """Say whether pretraining helped.

    Args:
        difference: accuracy of the encoder minus accuracy of its untrained version.
        over: name of the untrained version.
        videos: number of test videos.
        groups: number of groups of test videos.
    """
    if difference.low > 0:
        return f"pretraining helped: {points(difference)} over {over}"
    if difference.high < 0:
        return f"pretraining hurt: {points(difference)} compared with {over}"
    return (
        f"unresolved at this size: {points(difference)} over {over} "
        f"({videos} videos in {groups} groups)"
    )


def against_baseline(difference: Interval, *, baseline: str) -> str:
    """Say whether the encoder is better than a baseline that uses no trained encoder.

    Args:
        difference: accuracy of the encoder minus accuracy of the baseline.
        baseline: name of the baseline, such as metadata.
    """
    if difference.low > 0:
        return f"above the {baseline} baseline: {points(difference)}"
    if difference.high < 0:
        return f"below the {baseline} baseline: {points(difference)}"
    return f"not shown to be above the {baseline} baseline: {points(difference)}"


def against_chance(accuracy: Interval, *, chance: float) -> str | None:
    """Return a warning if the accuracy is not shown to be above chance, or else None.

    Args:
        accuracy: the accuracy.
        chance: the accuracy of always predicting the largest class.
    """
    if accuracy.low > chance:
        return None
    return (
        f"not shown to be above chance: {percents(accuracy)}; "
        f"always predicting the largest class gives {100 * chance:.1f} %"
    )


def about_groups(groups: int) -> str | None:
    """Return a warning if there are too few groups for a reliable interval, or else None."""
    if groups >= FEW_GROUPS:
        return None
    return f"{groups} groups only: with so few groups, intervals are narrower than they should be"


def about_footage(
    *, tested: int, seen: int, same_group: int, known: bool, labels_seen: int = 0
) -> str:
    """Say whether the encoder was trained on test videos.

    Args:
        tested: number of test videos.
        seen: how many of them the encoder was trained on.
        same_group: how many others share a group with a video that it was pretrained on.
        known: whether the encoder records which videos it was pretrained on.
        labels_seen: how many test videos the encoder was trained on with their labels.
    """
    if not known:
        return "the encoder does not record which footage it was pretrained on, if any"
    if labels_seen:
        return (
            f"leak: the encoder was trained with the labels of {labels_seen} of {tested} test "
            "videos, so the results do not hold for other videos"
        )
    others = f"; {same_group} more share a group with pretraining footage" if same_group else ""
    if not seen:
        return f"inductive: none of the {tested} test videos was in the pretraining footage{others}"
    return (
        f"transductive: {seen} of {tested} test videos were in the pretraining footage, without "
        f"their labels{others}"
    )
