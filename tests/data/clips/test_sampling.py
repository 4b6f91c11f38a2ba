from __future__ import annotations

import numpy as np
import pytest

from selfvid.data.clips.sampling import (
    DenseClips,
    EvenClips,
    PairedClips,
    RandomClips,
    Sampling,
    Short,
    Timeline,
    WholeVideo,
)
from selfvid.errors import InputError
from selfvid.saving.recorded import build, describe

TEN = Timeline(frames=10, rate=5.0)


def chosen(sampling: Sampling, timeline: Timeline, *, seed: int = 0) -> list[list[int]]:
    clips: list[list[int]] = sampling.choose(timeline, np.random.default_rng(seed)).tolist()
    return clips


def test_random_clips_keep_stride_and_reach_every_place_that_fits() -> None:
    sampling = RandomClips(frames=3, stride=2, clips=200)
    clips = chosen(sampling, TEN)
    assert all(np.diff(clip).tolist() == [2, 2] for clip in clips)
    assert {clip[0] for clip in clips} == set(range(10 - 4))


def test_random_clips_are_a_function_of_the_generator_alone() -> None:
    sampling = RandomClips(frames=2, clips=5)
    assert chosen(sampling, TEN, seed=3) == chosen(sampling, TEN, seed=3)
    assert chosen(sampling, TEN, seed=3) != chosen(sampling, TEN, seed=4)


def test_paired_clips_are_two_windows_that_begin_near_one_another() -> None:
    sampling = PairedClips(frames=3, stride=2, clips=300, apart=2)
    pairs = chosen(sampling, TEN)
    assert sampling.length == 6
    assert {len(pair) for pair in pairs} == {6}
    for pair in pairs:
        assert np.diff(pair[:3]).tolist() == np.diff(pair[3:]).tolist() == [2, 2]
    begun = {(pair[0], pair[3]) for pair in pairs}
    places = range(10 - 4)
    assert begun == {(a, b) for a in places for b in places if abs(a - b) <= 2}


def test_paired_clips_of_a_short_video_are_repeated_or_skipped() -> None:
    four = Timeline(frames=4, rate=5.0)
    assert chosen(PairedClips(frames=3, stride=2), four) == [[0, 2, 2, 0, 2, 2]]
    skipped = PairedClips(frames=3, stride=2, short="skip", clips=2)
    assert skipped.choose(four, np.random.default_rng(0)).shape == (0, 6)
    with pytest.raises(InputError, match="apart of PairedClips is -1; expected a whole number"):
        PairedClips(apart=-1)


def test_one_even_clip_lies_in_the_middle_and_several_reach_both_ends() -> None:
    assert chosen(EvenClips(frames=4), TEN) == [[3, 4, 5, 6]]
    thirteen = Timeline(frames=13, rate=5.0)
    assert chosen(EvenClips(frames=3, clips=3), thirteen) == [[0, 1, 2], [5, 6, 7], [10, 11, 12]]


def test_dense_clips_are_all_windows_that_fit_whole() -> None:
    nine = Timeline(frames=9, rate=5.0)
    assert chosen(DenseClips(frames=4, hop=2), nine) == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]


def test_dense_clips_may_reach_the_end() -> None:
    nine, ten = Timeline(frames=9, rate=5.0), Timeline(frames=10, rate=5.0)
    rule = DenseClips(frames=4, hop=2, to_end=True)
    assert chosen(rule, nine)[-2:] == [[4, 5, 6, 7], [5, 6, 7, 8]]
    assert chosen(rule, ten) == chosen(DenseClips(frames=4, hop=2), ten)
    assert len(chosen(rule, Timeline(frames=4, rate=5.0))) == 1


def test_the_whole_video_is_cut_into_parts_and_shown_by_their_middles() -> None:
    assert chosen(WholeVideo(frames=4), Timeline(frames=12, rate=5.0)) == [[1, 4, 7, 10]]
    assert chosen(WholeVideo(frames=10), TEN) == [list(range(10))]
    assert chosen(WholeVideo(frames=4), Timeline(frames=2, rate=5.0)) == [[0, 0, 1, 1]]
    segment = Timeline(frames=12, rate=1.0, start=4.0, end=7.0)
    assert chosen(WholeVideo(frames=2), segment) == [[4, 6]]


@pytest.mark.parametrize(
    ("short", "clips"),
    [
        ("repeat_last", [[0, 2, 2, 2]]),
        ("loop", [[0, 2, 0, 2]]),
        ("skip", []),
    ],
)
def test_a_short_video_is_treated_as_stated(short: Short, clips: list[list[int]]) -> None:
    three = Timeline(frames=3, rate=5.0)
    for sampling in (RandomClips(4, 2, short=short), EvenClips(4, 2, short=short)):
        assert chosen(sampling, three) == clips
        assert sampling.choose(three, np.random.default_rng(0)).shape == (len(clips), 4)


def test_frames_per_second_take_the_frame_that_is_shown_at_each_instant() -> None:
    #        frame 0    1    2    3    4    5    6    7
    times = np.array([0.0, 0.1, 0.2, 0.7, 0.8, 1.0, 1.5, 2.0])
    uneven = Timeline(frames=8, rate=4.0, times=times)
    # Instants 0, 0.5, 1, 1.5, 2: at 0.5 frame 2 is still on the screen.
    assert chosen(EvenClips(frames=5, fps=2.0), uneven) == [[0, 2, 5, 6, 7]]
    # Without times frame i is shown at i / 5: instants 0, 0.5, 1, 1.5 show frames 0, 2, 5, 7.
    assert chosen(EvenClips(frames=4, fps=2.0), TEN)[0] in ([0, 2, 5, 7], [1, 3, 6, 8])


def test_frames_per_second_of_the_video_itself_take_every_frame() -> None:
    coarse = (np.arange(10) / 30).astype(np.float32).astype(np.float64)
    timeline = Timeline(frames=10, rate=30.0, times=coarse)
    assert chosen(EvenClips(frames=10, fps=30.0), timeline) == [list(range(10))]


def test_frames_per_second_stop_at_the_end_of_the_video() -> None:
    # The last of ten frames at 5 per second is shown from 1.8 s until 2 s.
    clip = chosen(RandomClips(frames=5, fps=2.0, short="repeat_last"), TEN)
    assert clip == [[0, 2, 5, 7, 7]]
    assert chosen(RandomClips(frames=5, fps=2.0, short="loop"), TEN) == [[0, 2, 5, 7, 0]]


def test_a_segment_bounds_the_frames() -> None:
    segment = Timeline(frames=100, rate=10.0, start=2.0, end=2.95)
    assert segment.bounds == (20, 30)
    clips = chosen(RandomClips(frames=4, clips=100), segment)
    assert {clip[0] for clip in clips} == set(range(20, 27))
    assert Timeline(frames=10, rate=10.0, start=50.0, end=60.0).bounds == (10, 10)
    assert chosen(EvenClips(), Timeline(frames=10, rate=10.0, start=50.0)) == []


def test_a_sampling_is_described_and_built_again() -> None:
    sampling = DenseClips(frames=8, fps=12.5, hop=3, short="loop")
    assert build(describe(sampling)) == sampling


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frames": 0}, "frames of RandomClips is 0; expected a whole number of 1 or more"),
        ({"stride": -1}, "stride of RandomClips is -1"),
        ({"clips": 0}, "clips of RandomClips is 0"),
        ({"fps": 0.0}, "fps is 0.0; expected more than 0"),
        ({"fps": 10.0, "stride": 2}, "expected one of the two"),
        ({"short": "stretch"}, "short is 'stretch'; expected repeat_last, loop or skip"),
    ],
)
def test_nonsense_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RandomClips(**arguments)  # type: ignore[arg-type]
