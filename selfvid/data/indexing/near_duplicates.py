"""Find near duplicates: videos that show the same pictures in different files.

Each video has thumbnails of its first, middle and last frame: grey pictures of 6 x 6 values. Two
videos are near duplicates if no value differs by more than 4 of 255 levels and their lengths
agree. On real footage, copies at half the size with strong compression differed by 5 levels at
most, and copies with moderate compression by 3. Trials of one action in front of a fixed camera
differed by 5 levels or more.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import numpy as np

SIDE = 6  # values per side of a thumbnail: few, so that scaling and compression change them little

_LEVELS = 4  # of 255 that near duplicates may differ by, from the measurements above
_FLAT = 2.0  # standard deviation below which a picture is one colour, such as a black title
_LENGTH = 0.02  # share of the longer video by which near duplicates may differ in length


def write_thumbnails(grey: np.ndarray) -> str:
    """Return three grey pictures, uint8 (3, 6, 6), as text."""
    return base64.b64encode(grey.astype(np.uint8).tobytes()).decode()


def near_duplicates(thumbnails: Sequence[str], durations: Sequence[float]) -> dict[int, int]:
    """Return, for each video that shows the same as an earlier one, the earliest such video.

    The relation is transitive: if A is like B and B is like C, then B and C are both duplicates
    of A.

    Args:
        thumbnails: texts that `write_thumbnails` made. A video without thumbnails ("") is like no
            other, and neither is one whose three frames each have a single colour.
        durations: seconds, in the same order.

    Returns:
        Index of the later video to index of the earliest.
    """
    pictures = [_read_thumbnails(text) for text in thumbnails]
    usable = [place for place, picture in enumerate(pictures) if picture is not None]
    if len(usable) < 2:
        return {}
    values = np.stack([picture for picture in pictures if picture is not None])  # (N, 108)
    seconds = np.asarray(durations, dtype=np.float64)[usable]  # (N,)
    # If no value differs by more than `_LEVELS`, neither does the mean. So only videos of similar
    # mean brightness have to be compared.
    brightness = values.mean(axis=1)  # (N,)
    order = np.argsort(brightness, kind="stable")
    values, seconds, brightness = values[order], seconds[order], brightness[order]
    ends = np.searchsorted(brightness, brightness + _LEVELS, side="right")
    first = list(range(len(pictures)))
    for place, end in enumerate(ends):
        longer = np.maximum(seconds[place], seconds[place + 1 : end])
        as_long = np.abs(seconds[place + 1 : end] - seconds[place]) <= _LENGTH * longer
        others = place + 1 + as_long.nonzero()[0]
        difference = np.abs(values[others] - values[place]).max(axis=1, initial=0)
        for other in others[difference <= _LEVELS]:
            _join(first, usable[order[place]], usable[order[other]])
    roots = [_root(first, place) for place in range(len(first))]
    return {place: root for place, root in enumerate(roots) if root != place}


def _root(first: list[int], place: int) -> int:
    """Return the earliest video of the set that `place` belongs to (union-find)."""
    while first[place] != place:
        first[place] = first[first[place]]
        place = first[place]
    return place


def _join(first: list[int], one: int, other: int) -> None:
    low, high = sorted((_root(first, one), _root(first, other)))
    first[high] = low


def _read_thumbnails(text: str) -> np.ndarray | None:
    """Return the values (108,), or None if there are none or every picture has a single colour."""
    try:
        values = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    except binascii.Error:
        return None
    if len(values) != 3 * SIDE * SIDE:
        return None
    flat = values.reshape(3, -1).std(axis=1).max() < _FLAT
    return None if flat else values.astype(np.int16)
