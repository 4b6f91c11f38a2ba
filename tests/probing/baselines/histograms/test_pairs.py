from __future__ import annotations

import numpy as np
import pytest

from selfvid.data.clips.sampling import EvenClips, Timeline, WholeVideo
from selfvid.probing.baselines.histograms.describe import Pairs

RNG = np.random.default_rng(0)


def test_each_frame_of_the_rule_comes_with_the_one_behind_it() -> None:
    rule = WholeVideo(frames=4)
    timeline = Timeline(24, 10.0)
    (picked,) = rule.choose(timeline, RNG)
    pairs = Pairs(rule).choose(timeline, RNG)
    assert pairs.tolist() == [[frame, frame + 1] for frame in picked]


def test_the_last_frame_is_paired_with_the_one_before_it() -> None:
    pairs = Pairs(WholeVideo(frames=5)).choose(Timeline(5, 10.0), RNG)
    assert pairs.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]


def test_pairs_stay_within_the_segment() -> None:
    timeline = Timeline(100, 10.0, None, 2.0, 2.9)
    first, past = timeline.bounds
    pairs = Pairs(WholeVideo(frames=16)).choose(timeline, RNG)
    assert pairs.min() == first
    assert pairs.max() == past - 1


def test_a_picture_is_paired_with_itself() -> None:
    assert Pairs(WholeVideo(frames=3)).choose(Timeline(1, 1.0), RNG).tolist() == [[0, 0]]


def test_so_many_pairs_at_most_are_spread_over_all_clips() -> None:
    rule = EvenClips(frames=8, clips=10)
    pairs = Pairs(rule, most=6).choose(Timeline(200, 25.0), RNG)
    picked = np.unique(rule.choose(Timeline(200, 25.0), RNG))
    assert len(pairs) == 6
    assert set(pairs[:-1, 0]) <= set(picked)
    assert pairs[0, 0] == 0
    assert pairs[-1, 1] == 199


@pytest.mark.parametrize("frames", [10, 0])
def test_a_video_that_the_rule_skips_has_no_pairs(frames: int) -> None:
    rule = EvenClips(frames=16, short="skip")
    assert Pairs(rule).choose(Timeline(frames, 10.0), RNG).shape == (0, 2)
