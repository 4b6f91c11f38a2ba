"""The interface of every video reader, the same for each package that decodes."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from selfvid.errors import InputError

DecoderName = Literal["auto", "decord", "pyav", "sequential"]
Frames = NDArray[np.uint8]
Indices = NDArray[np.int64]
Size = tuple[int, int]


class DecodeError(Exception):
    """A file cannot be decoded; the message has its path and the first cause in words."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"{path}: {cause}")
        self.path = path
        self.cause = cause

    def __reduce__(self) -> tuple[type[DecodeError], tuple[str, str]]:
        return DecodeError, (self.path, self.cause)


class BrokenDecoderError(InputError):
    """The decoder itself is broken: it cannot decode a test clip that was just written."""


@dataclass(frozen=True)
class Header:
    """Size and codec of a video.

    Attributes:
        height: rows of a frame as it is shown, after rotation.
        width: columns of a frame as it is shown, after rotation.
        codec: the codec's name, such as h264.
    """

    height: int
    width: int
    codec: str


class VideoReader(ABC):
    """An open video whose frames are read by their number in presentation order.

    A reader can be used only in the process that opened it: decoders have threads and file
    positions, which can be neither pickled nor inherited by a forked process.

    Attributes:
        path: the file, or the folder of frame images.
        decoder: the decoder in use: decord, pyav, sequential (PyAV without seeking) or images.
        frames: number of frames.
        rate: frames per second, on average.
        times: presentation time of each frame in seconds after the first, float64 (frames,), or
            None if timestamps are missing or out of order; time is then index / rate.
    """

    path: str
    decoder: str
    frames: int
    rate: float
    times: NDArray[np.float64] | None

    def __init__(self, path: str) -> None:
        self.path = path
        self._process = os.getpid()
        self._damaged: tuple[tuple[int, int], ...] = ()

    @property
    @abstractmethod
    def header(self) -> Header:
        """Native size and codec; the file may have to be opened again to find them."""

    @abstractmethod
    def _decode(self, indices: Indices) -> Frames:
        """Return the frames at `indices`, which are increasing, distinct and within the video."""

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    @property
    def height(self) -> int:
        """Native number of rows, after rotation, whatever size frames are read at."""
        return self.header.height

    @property
    def width(self) -> int:
        """Native number of columns, after rotation, whatever size frames are read at."""
        return self.header.width

    @property
    def codec(self) -> str:
        """Name of the codec."""
        return self.header.codec

    def read(self, indices: Sequence[int] | Indices) -> Frames:
        """Return the frames at `indices` in the given order; each distinct frame is decoded once.

        Args:
            indices: frame numbers from 0 to frames - 1, in any order, repeated or not.

        Returns:
            RGB, uint8 (N, H, W, 3), at the size that the reader was opened with.

        Raises:
            IndexError: If an index is outside the video.
            DecodeError: If a frame cannot be decoded.
        """
        if os.getpid() != self._process:
            raise RuntimeError(f"{self.path} was opened in another process; open it in this one")
        wanted = np.asarray(indices, dtype=np.int64)  # (N,)
        outside = wanted[(wanted < 0) | (wanted >= self.frames)]
        if len(outside):
            raise IndexError(
                f"{self.path}: frame {outside[0]} does not exist; expected 0 to {self.frames - 1}"
            )
        if not len(wanted):
            raise IndexError(f"{self.path}: indices are empty; expected at least one frame number")
        for first, last in self._damaged:
            if bad := [int(number) for number in wanted if first <= number <= last]:
                raise DecodeError(self.path, f"frame {bad[0]} of {self.frames} is damaged")
        distinct, places = np.unique(wanted, return_inverse=True)
        decoded = self._decode(distinct)  # (distinct, H, W, 3)
        in_order = len(distinct) == len(wanted) and bool((np.diff(places) == 1).all())
        return decoded if in_order else decoded[places]  # (N, H, W, 3)

    def mark_damaged(self, numbers: str) -> None:
        """Refuse to read frames that cannot be decoded, such as "98-148,200-210".

        Raises:
            InputError: If the text has another form.
        """
        try:
            ends = [part.split("-") for part in numbers.split(",") if part]
            self._damaged = tuple((int(first), int(last)) for first, last in ends)
        except ValueError:
            raise InputError(
                f"damaged is {numbers!r}; expected numbers of frames such as 98-148,200-210"
            ) from None

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __getstate__(self) -> object:
        raise TypeError("an open video cannot be pickled; open it in the process that reads it")


def from_first(times: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return `times` counted from the first one, or None if they do not strictly increase."""
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        return None
    return times - times[0]
