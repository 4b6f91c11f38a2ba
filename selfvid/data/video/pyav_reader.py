"""A reader that decodes with PyAV (FFmpeg)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import av
import numpy as np

from selfvid.data.video.packets import error_text, index_packets, open_container, video_stream
from selfvid.data.video.reader import (
    DecodeError,
    Frames,
    Header,
    Indices,
    Size,
    VideoReader,
    from_first,
)

UNKNOWN_RATE = 25.0  # frames per second if a file does not give a rate: a common one


class PyAVReader(VideoReader):
    """A video read with PyAV: the stream that FFmpeg considers the best, rotated for display.

    A frame is found by seeking to the key frame before it and decoding forward. If a file has no
    reliable timestamps, frames are counted from the start as they come out of the decoder.

    Args:
        path: the file.
        size: (H, W) of the frames that are read, or None for the native size.
        threads: decoding threads.
        known_frames: number of frames if it is known already; a file without timestamps is then
            not decoded from beginning to end to count them.

    Raises:
        DecodeError: If the file cannot be opened or has no video stream.
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
        self._upcoming: Iterator[tuple[int, Any]]  # frames with their numbers
        self._next: int  # number of the first upcoming frame
        self._open()
        time_base = float(self._stream.time_base)
        self.rate = float(self._stream.average_rate or self._stream.guessed_rate or UNKNOWN_RATE)
        self.index = index_packets(self._container, self._stream, path)
        self.frames = self.index.frames
        self._rewind()
        if self.index.stamps is None:
            self.times = None
            self.frames = known_frames or self._count()
        else:
            self.times = from_first(self.index.stamps.astype(np.float64) * time_base)

    @cached_property
    def header(self) -> Header:
        """Native size and codec; the first frame is decoded because it has the rotation."""
        with open_container(self.path) as container:
            stream = video_stream(container, self.path)
            try:
                first = next(container.decode(stream))
            except (av.error.FFmpegError, StopIteration) as error:
                raise DecodeError(self.path, f"first frame: {error_text(error)}") from None
            turned = first.rotation % 180 != 0
            shown = (first.width, first.height) if turned else (first.height, first.width)
            return Header(*shown, codec=stream.codec_context.codec.canonical_name)

    def close(self) -> None:
        """Close the file and free the decoder at once.

        The garbage collector might free the decoder in a forked worker instead. The decoder would
        then try to stop threads that do not exist there.
        """
        self._upcoming = iter(())
        self._container.close()
        self._container = self._stream = None

    def _open(self) -> None:
        self._container = open_container(self.path)
        self._stream = video_stream(self._container, self.path)
        context = self._stream.codec_context
        context.thread_count = self._threads
        context.thread_type = "SLICE" if self._threads == 1 else "AUTO"

    def _rewind(self) -> None:
        """Begin again at frame 0 with a new decoder."""
        self._container.close()
        self._open()
        self._upcoming = self._numbered(first=0)
        self._next = 0

    def _count(self) -> int:
        """Return how many frames the decoder returns; some packets contain no frame."""
        try:
            count = sum(1 for _ in self._upcoming)
        except DecodeError:
            count = self.index.frames  # the damage is reported when a frame behind it is read
        self._rewind()
        return max(count, 1)

    def _decode(self, indices: Indices) -> Frames:
        pictures = [self._frame(int(index)) for index in indices]
        if any(picture.shape != pictures[0].shape for picture in pictures):
            raise DecodeError(self.path, "the frames of the video differ in size")
        return np.stack(pictures)  # (N, H, W, 3)

    def _frame(self, index: int) -> Frames:
        if self._next > index or self._next < self._key_before(index):
            self._seek(index)
        for number, frame in self._upcoming:
            self._next = number + 1
            if number == index and not frame.is_corrupt:
                return self._picture(frame)
            if number >= index:
                break
        self._next = self.frames  # the decoder is past `index`: the next read has to seek
        raise DecodeError(self.path, f"frame {index} of {self.frames} is damaged or missing")

    def _picture(self, frame: Any) -> Frames:
        return picture(frame, size=self._size, threads=self._threads)

    def _key_place(self, index: int) -> int:
        """Return which key frame is the last one up to frame `index`, or -1 if there is none."""
        return int(np.searchsorted(self.index.keys, index, side="right")) - 1

    def _key_before(self, index: int) -> int:
        """Return the frame at which decoding of frame `index` begins."""
        place = self._key_place(index)
        return int(self.index.keys[place]) if place >= 0 else 0

    def _seek(self, index: int) -> None:
        """Make the key frame before frame `index` the next one, or frame 0 if seeking fails."""
        place = self._key_place(index)
        if self.index.stamps is None or place <= 0:
            self._rewind()
            return
        try:
            self._container.seek(int(self.index.key_stamps[place]), stream=self._stream)
            upcoming = self._numbered(first=None)
            number, frame = next(upcoming)
        except (av.error.FFmpegError, StopIteration, DecodeError):
            self._rewind()
            return
        if number > index:  # some containers seek past the requested key frame
            self._rewind()
            return
        self._upcoming = itertools.chain([(number, frame)], upcoming)
        self._next = number

    def _numbered(self, *, first: int | None) -> Iterator[tuple[int, Any]]:
        """Yield frames as they come out of the decoder, with their numbers.

        Args:
            first: number of the first frame, needed only if the file has no reliable timestamps.
        """
        stamps = self.index.stamps
        count = first or 0
        decoded = self._container.decode(self._stream)
        while True:
            try:
                frame = next(decoded)
            except StopIteration:
                return
            except av.error.FFmpegError as error:
                cause = f"after frame {count} of {self.frames}: {error_text(error)}"
                raise DecodeError(self.path, cause) from None
            if stamps is None:
                number = count
            elif frame.pts is None:
                continue
            else:
                number = int(np.searchsorted(stamps, frame.pts))
                if number >= len(stamps) or stamps[number] != frame.pts:
                    continue  # the container marks this frame as not shown
            yield number, frame
            count = number + 1


def picture(frame: Any, *, size: Size | None = None, threads: int = 1) -> Frames:
    """Return a decoded frame as RGB, rotated for display, uint8 (H, W, 3)."""
    quarter_turns = round(frame.rotation / 90)
    height, width = size or (None, None)
    if quarter_turns % 2:
        height, width = width, height
    resized = {} if height is None else {"height": height, "width": width}
    flat = frame.to_ndarray(format="rgb24", interpolation="BILINEAR", threads=threads, **resized)
    return np.ascontiguousarray(np.rot90(flat, quarter_turns)) if quarter_turns else flat
