"""Videos read with PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import av
import numpy as np

from selfvid.data.video.packets import in_words, index_packets, opened, video_stream
from selfvid.data.video.reader import (
    DecodeError,
    Frames,
    Header,
    Indices,
    Size,
    VideoReader,
    rising,
)

_UNKNOWN_RATE = 25.0


class PyAVReader(VideoReader):
    """A video read with PyAV: the stream FFmpeg calls best, rotated as it is to be shown.

    Frames are found by seeking to the key frame before and decoding forward. Where a file has
    no stamps to be trusted, frames are counted from the start as they come out of the decoder.

    Args:
        path: the file.
        size: (H, W) of the frames that are read, or None for the native size.
        threads: decoding threads.
        known_frames: number of frames where it is known; saves counting them, one by one, in a
            file without stamps.

    Raises:
        DecodeError: where the file cannot be opened or has no video stream.
    """

    decoder = "pyav"

    def __init__(
        self,
        path: str,
        *,
        size: Size | None = None,
        threads: int = 1,
        known_frames: int | None = None,
    ) -> None:
        super().__init__(path)
        self._size = size
        self._threads = threads
        self._container: Any
        self._stream: Any
        self._upcoming: Iterator[tuple[int, Any]]
        self._open()
        time_base = float(self._stream.time_base)
        self.rate = _rate(self._stream)
        self.index = index_packets(self._container, self._stream, path)
        self.frames = self.index.frames
        self._rewind()
        if self.index.stamps is None:
            self.times = None
            self.frames = known_frames or self._count()
        else:
            self.times = rising(self.index.stamps.astype(np.float64) * time_base)

    @cached_property
    def header(self) -> Header:
        """Native size and codec; the first frame tells the rotation."""
        with opened(self.path) as container:
            stream = video_stream(container, self.path)
            try:
                first = next(container.decode(stream))
            except (av.error.FFmpegError, StopIteration) as error:
                raise DecodeError(self.path, f"first frame: {in_words(error)}") from None
            turned = first.rotation % 180 != 0
            shown = (first.width, first.height) if turned else (first.height, first.width)
            return Header(*shown, codec=stream.codec_context.codec.canonical_name)

    def close(self) -> None:
        """Close the file and let go of the decoder at once.

        Decoders left to the garbage collector may meet it in a forked worker, where the threads
        that they want to stop do not exist.
        """
        self._upcoming = iter(())
        self._container.close()
        self._container = self._stream = None

    def _open(self) -> None:
        self._container = opened(self.path)
        self._stream = video_stream(self._container, self.path)
        context = self._stream.codec_context
        context.thread_count = self._threads
        context.thread_type = "SLICE" if self._threads == 1 else "AUTO"

    def _rewind(self) -> None:
        """Begin again at frame 0, with a fresh decoder."""
        self._container.close()
        self._open()
        self._upcoming = self._numbered(first=0)
        self._next = 0

    def _count(self) -> int:
        """How many frames come out of the decoder; a packet need not give one."""
        try:
            count = sum(1 for _ in self._upcoming)
        except DecodeError:
            count = self.index.frames  # what lies behind the damage is found when it is read
        self._rewind()
        return max(count, 1)

    def _decode(self, indices: Indices) -> Frames:
        pictures = [self._frame(int(index)) for index in indices]
        if any(picture.shape != pictures[0].shape for picture in pictures):
            raise DecodeError(self.path, "frames change their size along the video")
        return np.stack(pictures)

    def _frame(self, index: int) -> Frames:
        if not self._reachable(index):
            self._seek(index)
        for number, frame in self._upcoming:
            self._next = number + 1
            if number == index and not frame.is_corrupt:
                return self._picture(frame)
            if number >= index:
                break
        # The decoder has gone past it, so the next read has to begin afresh.
        self._next = self.frames
        raise DecodeError(self.path, f"frame {index} of {self.frames} is damaged or missing")

    def _reachable(self, index: int) -> bool:
        """Whether decoding on from here gets to `index` with no detour."""
        return self._next <= index and self._key_before(index) <= self._next

    def _key_before(self, index: int) -> int:
        place = int(np.searchsorted(self.index.keys, index, side="right")) - 1
        return int(self.index.keys[place]) if place >= 0 else 0

    def _seek(self, index: int) -> None:
        place = int(np.searchsorted(self.index.keys, index, side="right")) - 1
        if self.index.stamps is None or place <= 0:
            self._rewind()
            return
        try:
            self._container.seek(int(self.index.key_stamps[place]), stream=self._stream)
            self._upcoming = self._numbered(first=None)
            number, frame = next(self._upcoming)
        except (av.error.FFmpegError, StopIteration, DecodeError):
            self._rewind()
            return
        if number > index:  # some containers seek past the key frame asked for
            self._rewind()
            return
        self._upcoming = _with_first((number, frame), self._upcoming)
        self._next = number

    def _numbered(self, *, first: int | None) -> Iterator[tuple[int, Any]]:
        """Frames as they come out of the decoder, with their numbers."""
        stamps = self.index.stamps
        count = first or 0
        decoded = self._container.decode(self._stream)
        while True:
            try:
                frame = next(decoded)
            except StopIteration:
                return
            except av.error.FFmpegError as error:
                cause = f"after frame {count} of {self.frames}: {in_words(error)}"
                raise DecodeError(self.path, cause) from None
            if stamps is None:
                number = count
            elif frame.pts is None:
                continue
            else:
                number = int(np.searchsorted(stamps, frame.pts))
                if number >= len(stamps) or stamps[number] != frame.pts:
                    continue  # a frame that its container says is not to be shown
            yield number, frame
            count = number + 1

    def _picture(self, frame: Any) -> Frames:
        return picture(frame, size=self._size, threads=self._threads)


def picture(frame: Any, *, size: Size | None = None, threads: int = 1) -> Frames:
    """A decoded frame as RGB, turned as it is to be shown, uint8 (H, W, 3)."""
    quarter_turns = round(frame.rotation / 90)
    height, width = size or (None, None)
    if quarter_turns % 2:
        height, width = width, height
    resized = {} if height is None else {"height": height, "width": width}
    flat = frame.to_ndarray(format="rgb24", interpolation="BILINEAR", threads=threads, **resized)
    return np.ascontiguousarray(np.rot90(flat, quarter_turns)) if quarter_turns else flat


def _with_first(
    first: tuple[int, Any], rest: Iterator[tuple[int, Any]]
) -> Iterator[tuple[int, Any]]:
    yield first
    yield from rest


def _rate(stream: Any) -> float:
    return float(stream.average_rate or stream.guessed_rate or _UNKNOWN_RATE)
