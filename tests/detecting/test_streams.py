from __future__ import annotations

import numpy as np
import pytest

from selfvid.data.clips.dataset import ClipKey
from selfvid.detecting.streams import LeftOver, ParallelStreams, Reset, WindowStream
from selfvid.errors import InputError

LENGTHS = [4, 6, 6, 3, 2]


def written(plan: ParallelStreams, *, streams: int) -> list[list[str]]:
    """A text for each window of each stream: "0a" for clip a of video 0, "." for none."""
    laid = plan.windows(LENGTHS, range(len(LENGTHS)), streams=streams)
    return [
        [" ".join("." if v < 0 else f"{v}{'abcdefgh'[c]}" for v, c in cell) for cell in window]
        for window in laid.tolist()
    ]


def windows_of(
    plan: ParallelStreams, *, streams: int = 3, total: int = 20, seed: int = 0
) -> WindowStream:
    return WindowStream(LENGTHS, plan, streams=streams, total=total, seed=seed)


def test_the_shortest_stream_gets_the_next_video() -> None:
    plan = ParallelStreams(window=3, reset="epoch", left_over="pad", shuffle=False)
    assert written(plan, streams=3) == [
        ["0a 0b 0c", "1a 1b 1c", "2a 2b 2c"],
        ["0d 3a 3b", "1d 1e 1f", "2d 2e 2f"],
        ["3c . .", "4a 4b .", ". . ."],
    ]


def test_published_windows_run_over_videos_and_the_rest_is_discarded() -> None:
    plan = ParallelStreams(window=3, reset="epoch", left_over="discard", shuffle=False)
    assert written(plan, streams=3) == [
        ["0a 0b 0c", "1a 1b 1c", "2a 2b 2c"],
        ["0d 3a 3b", "1d 1e 1f", "2d 2e 2f"],
    ]


def test_windows_start_with_each_video_if_the_state_does() -> None:
    plan = ParallelStreams(window=3, reset="video", left_over="pad", shuffle=False)
    assert written(plan, streams=2) == [
        ["0a 0b 0c", "1a 1b 1c"],
        ["0d . .", "1d 1e 1f"],
        ["2a 2b 2c", "3a 3b 3c"],
        ["2d 2e 2f", "4a 4b ."],
    ]


def test_discarding_drops_the_clips_that_fill_no_window_of_a_video() -> None:
    plan = ParallelStreams(window=3, reset="video", left_over="discard", shuffle=False)
    assert written(plan, streams=2) == [
        ["0a 0b 0c", "1a 1b 1c"],
        ["2a 2b 2c", "1d 1e 1f"],
        ["2d 2e 2f", "3a 3b 3c"],
    ]


@pytest.mark.parametrize("reset", ["video", "epoch"])
@pytest.mark.parametrize("streams", [1, 2, 5, 7])
def test_padding_shows_every_clip_once_and_in_order(reset: Reset, streams: int) -> None:
    laid = ParallelStreams(window=3, reset=reset).windows(LENGTHS, [3, 1, 4, 0, 2], streams=streams)
    found = [tuple(pair) for pair in laid.transpose(1, 0, 2, 3).reshape(-1, 2).tolist()]
    clips = [pair for pair in found if pair[0] >= 0]
    assert sorted(clips) == [(v, c) for v, count in enumerate(LENGTHS) for c in range(count)]
    for video in range(len(LENGTHS)):
        places = [clip for number, clip in clips if number == video]
        assert places == sorted(places)


@pytest.mark.parametrize("reset", ["video", "epoch"])
@pytest.mark.parametrize("left_over", ["pad", "discard"])
def test_the_state_begins_where_it_should(reset: Reset, left_over: LeftOver) -> None:
    source = windows_of(ParallelStreams(window=2, reset=reset, left_over=left_over))
    seen: set[tuple[int, int]] = set()
    for number in range(20):
        for key in source.batch(number):
            first = tuple(source.clips(key)[0].tolist())
            stream = key.index % 3
            new_epoch = (key.epoch, stream) not in seen
            seen.add((key.epoch, stream))
            expected = new_epoch if reset == "epoch" else first[1] == 0
            assert source.begins(key) == expected


def test_a_batch_is_a_function_of_its_number_alone() -> None:
    plan = ParallelStreams(window=2)
    onward = windows_of(plan)
    found = [[onward.clips(key).tolist() for key in onward.batch(n)] for n in range(20)]
    for number in (19, 3, 11):
        fresh = windows_of(plan)
        assert [fresh.clips(key).tolist() for key in fresh.batch(number)] == found[number]
    other = windows_of(plan, seed=1)
    assert [[other.clips(key).tolist() for key in other.batch(n)] for n in range(20)] != found


def test_epochs_differ_only_where_videos_are_shuffled() -> None:
    for shuffle in (True, False):
        source = windows_of(ParallelStreams(window=2, shuffle=shuffle))
        epochs = [
            np.stack([source.clips(ClipKey(epoch, cell)) for cell in range(3)]) for epoch in (0, 1)
        ]
        assert np.array_equal(epochs[0], epochs[1]) != shuffle


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"window": 0}, "window is 0"),
        ({"reset": "never"}, "reset is 'never'"),
        ({"left_over": "keep"}, "left_over is 'keep'"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        ParallelStreams(**wrong)  # type: ignore[arg-type]


def test_too_few_clips_for_a_window_are_refused() -> None:
    with pytest.raises(InputError, match="21 clips in 9 streams fill no window of 20"):
        windows_of(ParallelStreams(left_over="discard"), streams=9)
