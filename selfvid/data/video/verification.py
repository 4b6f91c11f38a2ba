"""Find the decoder whose random reads give the frames that decoding from the beginning gives.

Seeking in a video file fails without an error in many ways: containers whose seeks land elsewhere,
streams without key frames, lost packets, decoders that confuse two orders of frames. No list of
such files is complete. So a few frames are decoded in order, each decoder is asked for the same
frames one by one, and the pixels are compared::

    in order   0 1 2 3 4 5 6 7 8 9      decoded once, from the beginning
    keys       K       K       K
    compared   x x   x x x   x x x      single reads, from the last one to the first

A long file is decoded at its beginning, at its end and around gaps of its timestamps; a span that
does not begin with the file begins with a key frame well before the frames that are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np

from selfvid.data.video.decord_reader import DecordReader, unsuitable
from selfvid.data.video.packets import PacketIndex, packet_index
from selfvid.data.video.pyav_reader import PyAVReader, in_order, picture, undecodable
from selfvid.data.video.reader import DecodeError, DecoderName, Frames, VideoReader
from selfvid.data.video.seeking import stray_seek

_WHOLE = 1000  # frames up to which a file is decoded whole
_BEGINNING = 300  # frames decoded at the beginning of a longer file
_JOINS = 2  # key frames at either end of a file around which frames are compared
_SPREAD = 5  # further frames compared along the decoded part of a file
_HIDING = ("vp8", "vp9", "av1")  # codecs with packets that show nothing
_GAPS = 4  # gaps of the timestamps that are looked at in a long file


@dataclass(frozen=True, eq=False)
class Verdict:
    """How the frames of a file can be read.

    Attributes:
        decoder: decord or pyav if their random reads are right, else sequential.
        frames: number of frames that can be read, from the first one on.
        damaged: numbers of the frames among them that cannot be decoded, such as "98-148".
        note: in words what cannot be read, or was repaired or chosen; "" if there is nothing.
        pictures: the first, the middle and the last frame, each uint8 (H, W, 3).
    """

    decoder: DecoderName
    frames: int
    damaged: str = ""
    note: str = ""
    pictures: tuple[Frames, ...] = ()


def verify(path: str, decoders: tuple[str, ...]) -> Verdict:
    """Return how to read a file, with the first of `decoders` whose random reads are right.

    Args:
        path: the file.
        decoders: decord, pyav or both, in order of preference; with pyav, a file of which no
            random read is right is read in order.

    Raises:
        DecodeError: If no frame can be decoded, or decord is the only decoder and is wrong.
    """
    file = Path(path).stat()
    return _verified(path, decoders, file.st_size, file.st_mtime_ns)


@lru_cache(maxsize=256)  # files that are in no manifest are opened again and again
def _verified(path: str, decoders: tuple[str, ...], size: int, changed: int) -> Verdict:
    del size, changed  # part of the cache's key only
    index = packet_index(path)
    reference = _Reference(path, index, undecodable(path, index))
    reasons = []
    for decoder in decoders:
        # Frames without reliable timestamps can only be counted, and so only be read in order.
        if index.stamps is None or (reference.damaged_numbers and decoder == "decord"):
            reasons.append("its timestamps are missing or out of order")
            continue
        if (reason := _disagreement(path, decoder, reference)) is None:
            return reference.verdict(cast("DecoderName", decoder))
        reasons.append(reason)
    if decoders == ("decord",):
        raise DecodeError(path, f"decord cannot read it correctly, use pyav: {reasons[0]}")
    return reference.verdict("sequential")


class _Reference:
    """Frames decoded in order, and what was noticed on the way.

    Args:
        path: the file.
        index: its packets.
        first: number of pictures before the first one that can be decoded.
    """

    def __init__(self, path: str, index: PacketIndex, first: int) -> None:
        self.path, self.index = path, index
        self.first = first
        self.pictures: dict[int, Frames] = {}
        self.damaged_numbers: list[tuple[int, int]] = []
        self.by_count = index.stamps is None
        expected = index.frames - first
        self.frames = self.expected = expected
        keys = [int(key) - first for key in index.keys if key >= first]
        self.keys = keys
        whole = self.by_count or expected <= _WHOLE or len(keys) < 2 * _JOINS + 2
        self.wanted = _wanted(expected, keys, index, first)
        if whole:
            self._decode(0, expected)
        else:
            self._decode(0, _BEGINNING)
            for at in _gaps(index, first)[:_GAPS]:
                self._decode(
                    _key_before(keys, at - 1), min(_key_after(keys, at, expected), expected)
                )
            self._decode(keys[-1 - _JOINS], expected)
        if not self.pictures:
            raise DecodeError(path, "no frame can be decoded")

    def verdict(self, decoder: DecoderName) -> Verdict:
        """Return what a manifest notes about the file if it is read with `decoder`."""
        damaged = ",".join(f"{low}-{past - 1}" for low, past in self.damaged_numbers)
        ends = sorted(self.pictures)
        chosen = (ends[0], min(ends, key=lambda n: abs(n - self.frames // 2)), ends[-1])
        notes = list(self.index.notes)
        if self.first:
            notes.append(f"the first {self.first} pictures cannot be decoded and are not counted")
        if self.frames < self.expected:
            notes.append(f"damaged from frame {self.frames} of {self.expected}")
        if damaged:
            notes.append(f"frames {damaged} of {self.expected} are damaged")
        return Verdict(
            decoder,
            self.frames,
            damaged,
            "; ".join(notes),
            tuple(self.pictures[number] for number in chosen),
        )

    def _decode(self, low: int, past: int) -> None:
        """Decode frames `low` to `past` in order, and keep those to compare."""
        start = None
        if low > 0:
            place = int(np.searchsorted(self.index.keys, low + self.first))
            start = int(self.index.key_stamps[place])
        seen: list[int] = []
        failed: list[int] = []  # how many frames had come out when the decoder raised an error
        newest = None
        handed_out = 0
        for frame in in_order(self.path, start=start):
            if frame is None or frame.is_corrupt:
                failed.append(len(seen))
                continue
            handed_out += 1
            number = len(seen) if self.by_count else self._number(frame)
            if number is None:
                continue
            if low > 0 and not seen and number > low:  # this seek went too far
                self._decode(0, past)
                return
            if number < low:
                continue
            seen.append(number)
            newest = frame
            if number in self.wanted:
                self.pictures.setdefault(number, picture(frame))
            if past < self.expected and number >= past:
                break
        if newest is not None and past == self.expected:
            self.pictures.setdefault(seen[-1], picture(newest))
        if not (self.by_count or failed) and _breaks(low, past, seen, failed):
            if past < self.expected:
                self._decode(0, self.expected)
                return
            shows_all = handed_out == self.expected or self.index.codec in _HIDING
            if low == 0 and shows_all:
                # Every picture came, so the timestamps are wrong: count the pictures instead.
                self.by_count = True
                self.pictures.clear()
                self._decode(0, past)
                return
        self._judge(low, past, seen, failed)

    def _number(self, frame: Any) -> int | None:
        """Return the number of a frame by its timestamp, or None if it is not shown."""
        stamps = self.index.stamps
        assert stamps is not None
        if frame.pts is None:
            return None
        place = int(np.searchsorted(stamps, frame.pts))
        shown = self.first <= place < len(stamps) and stamps[place] == frame.pts
        return place - self.first if shown else None

    def _judge(self, low: int, past: int, seen: list[int], failed: list[int]) -> None:
        """Note which frames of the span from `low` to `past` cannot be trusted."""
        if self.by_count:
            # Without timestamps nobody knows how many frames an error has swallowed.
            self.frames = min([len(seen), *failed])
            if not failed:
                self.expected = self.frames
        else:
            for bad in _breaks(low, past, seen, failed):
                until = _key_after(self.keys, bad[1], self.expected)
                if until >= self.expected:
                    self.frames = min(self.frames, bad[0])
                elif not any(first <= bad[0] < last for first, last in self.damaged_numbers):
                    self.damaged_numbers.append((bad[0], until))
        self.damaged_numbers = [pair for pair in self.damaged_numbers if pair[0] < self.frames]
        for number in list(self.pictures):
            inside = any(first <= number < last for first, last in self.damaged_numbers)
            if inside or number >= self.frames:
                del self.pictures[number]


def _breaks(low: int, past: int, seen: list[int], failed: list[int]) -> list[tuple[int, int]]:
    """Return where a span has no frames, or frames out of order: first and last such number."""
    breaks = []
    came, highest = set(seen), low - 1
    for number in seen:
        if number < highest:
            breaks.append((number, highest))
        highest = max(highest, number)
    numbers = sorted(set(range(low, past)) - came)
    for number in numbers:
        if breaks and breaks[-1][1] == number - 1:
            breaks[-1] = (breaks[-1][0], number)
        else:
            breaks.append((number, number))
    breaks += [(low + count, low + count) for count in failed if low + count < past]
    return sorted(breaks)


def _wanted(frames: int, keys: list[int], index: PacketIndex, first: int) -> set[int]:
    """Return the numbers of the frames to compare."""
    joins = keys[1 : 1 + _JOINS] + keys[-_JOINS:]
    around = [0, 1, frames // 2, frames - 2, frames - 1]
    around += np.linspace(0, min(frames, _WHOLE) - 1, _SPREAD).astype(int).tolist()
    for number in [*joins, *_gaps(index, first)[:_GAPS]]:
        around += [number - 1, number, number + 1]
    return {number for number in around if 0 <= number < frames}


def _gaps(index: PacketIndex, first: int) -> list[int]:
    """Return the frames before which more time passes than usual, the longest gaps first."""
    if index.stamps is None or len(index.stamps) < 3:
        return []
    steps = np.diff(index.stamps[first:])
    if not len(steps):
        return []
    unusual = np.flatnonzero(steps > 1.5 * np.median(steps)) + 1
    return [int(at) for at in unusual[np.argsort(-steps[unusual - 1], kind="stable")]]


def _key_before(keys: list[int], number: int) -> int:
    return max((key for key in keys if key <= number), default=0)


def _key_after(keys: list[int], number: int, frames: int) -> int:
    return min((key for key in keys if key > number), default=frames)


def _disagreement(path: str, decoder: str, reference: _Reference) -> str | None:
    """Return why single reads of a decoder differ from the reference, or None if they do not."""
    try:
        with _candidate(path, decoder, reference) as reader:
            if reader.frames < reference.frames:
                return f"it finds {reader.frames} frames but {reference.frames} are shown"
            if decoder == "pyav" and (cause := stray_seek(path, reference.index)):
                return cause
            # From the last frame to the first, so that every read has to seek.
            for number in sorted(reference.pictures, reverse=True):
                if not np.array_equal(reader.read([number])[0], reference.pictures[number]):
                    return f"frame {number} is not the one that decoding from the beginning gives"
    except DecodeError as error:
        return error.cause
    return None


def _candidate(path: str, decoder: str, reference: _Reference) -> VideoReader:
    if decoder == "pyav":
        return PyAVReader(path)
    if reason := unsuitable(reference.index):
        raise DecodeError(path, reason)
    reader = DecordReader(path)
    if reader.frames != reference.expected:
        reader.close()
        cause = f"it finds {reader.frames} frames but {reference.expected} are shown"
        raise DecodeError(path, cause)
    return reader
