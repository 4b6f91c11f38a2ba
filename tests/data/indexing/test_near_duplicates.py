from __future__ import annotations

import numpy as np

from selfvid.data.indexing.near_duplicates import SIDE, near_duplicates, write_thumbnails


def random_thumbnails(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(8, 248, (count, 3, SIDE, SIDE))


def test_pairs_are_those_that_comparing_all_with_all_finds() -> None:
    rng = np.random.default_rng(1)
    thumbnails = random_thumbnails(40)
    thumbnails[20:] = thumbnails[:20] + rng.integers(-5, 6, thumbnails[:20].shape) * rng.integers(
        0, 2, (20, 1, 1, 1)
    )
    seconds = rng.choice([10.0, 10.1, 20.0], 40)
    expected = {}
    for later in range(40):
        for first in range(later):
            apart = np.abs(thumbnails[later] - thumbnails[first]).max()
            longest = max(seconds[later], seconds[first])
            if apart <= 4 and abs(seconds[later] - seconds[first]) <= 0.02 * longest:
                expected[later] = first
    assert expected
    texts = [write_thumbnails(each) for each in thumbnails]
    assert near_duplicates(texts, seconds.tolist()) == expected


def test_the_relation_is_transitive() -> None:
    first = random_thumbnails(1)[0]
    chain = [write_thumbnails(first + step) for step in (6, 0, 3)]
    assert near_duplicates(chain, [1.0] * 3) == {1: 0, 2: 0}


def test_black_and_unknown_frames_are_like_nothing() -> None:
    black = write_thumbnails(np.zeros((3, SIDE, SIDE)))
    assert near_duplicates([black, black, "", "", "no picture", "no picture"], [1.0] * 6) == {}


def test_no_videos_have_no_duplicates() -> None:
    assert near_duplicates([], []) == {}
