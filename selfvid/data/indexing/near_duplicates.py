"""Near duplicates: videos that show the same pictures in other files.

The look of a video is its first, middle and last frame as grey pictures of 6 x 6 values. Two
videos are near duplicates when no value differs by more than 4 of 255 levels and their lengths
agree. On real footage copies made at half the size and strong compression differed by 5 at most,
moderate ones by 3; trials of one action before a fixed camera differed by 5 and more.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import numpy as np

SIDE = 6

_LEVELS = 4
_FLAT = 2.0
_LENGTH = 0.02


def write_look(grey: np.ndarray) -> str:
    """Three grey pictures, uint8 (3, 6, 6), as text."""
    return base64.b64encode(grey.astype(np.uint8).tobytes()).decode()


def near_duplicates(looks: Sequence[str], durations: Sequence[float]) -> dict[int, int]:
    """For each video that shows the same as an earlier one, the earliest of its kind.

    Resemblance is passed on: where A is like B and B like C, both B and C name A.

    Args:
        looks: as `write_look` made them; a video whose look is "" resembles none, and neither
            does one whose three frames are each of one colour: black titles tell nothing.
        durations: seconds, in the same order.

    Returns:
        Index of the later video to index of the earliest.
    """
    pictures = [_read_look(look) for look in looks]
    known = [place for place, picture in enumerate(pictures) if picture is not None]
    if len(known) < 2:
        return {}
    values = np.stack([picture for picture in pictures if picture is not None])  # (N, 108)
    seconds = np.asarray(durations, dtype=np.float64)[known]
    # Values that differ by few levels have means that do, so only neighbours are compared.
    brightness = values.mean(axis=1)
    order = np.argsort(brightness, kind="stable")
    values, seconds, brightness = values[order], seconds[order], brightness[order]
    ends = np.searchsorted(brightness, brightness + _LEVELS, side="right")
    first = list(range(len(pictures)))
    for place, end in enumerate(ends):
        longer = np.maximum(seconds[place], seconds[place + 1 : end])
        alike = np.abs(seconds[place + 1 : end] - seconds[place]) <= _LENGTH * longer
        others = place + 1 + alike.nonzero()[0]
        apart = np.abs(values[others] - values[place]).max(axis=1, initial=0)
        for other in others[apart <= _LEVELS]:
            _join(first, known[order[place]], known[order[other]])
    roots = [_root(first, place) for place in range(len(first))]
    return {place: root for place, root in enumerate(roots) if root != place}


def _root(first: list[int], place: int) -> int:
    while first[place] != place:
        first[place] = first[first[place]]
        place = first[place]
    return place


def _join(first: list[int], one: int, other: int) -> None:
    low, high = sorted((_root(first, one), _root(first, other)))
    first[high] = low


def _read_look(look: str) -> np.ndarray | None:
    """The values (108,), or None where there are none that tell anything."""
    try:
        values = np.frombuffer(base64.b64decode(look, validate=True), np.uint8)
    except binascii.Error:
        return None
    if len(values) != 3 * SIDE * SIDE:
        return None
    flat = values.reshape(3, -1).std(axis=1).max() < _FLAT
    return None if flat else values.astype(np.int16)
