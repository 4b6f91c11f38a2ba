"""A reader that decodes with PyAV (FFmpeg)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from selfvid.data.video.packets import (
    PacketIndex,
    error_text,
    index_packets,
    open_container,
    video_stream,
)
from selfvid.data.video.reader import (
    DecodeError,
    Frames,
    Header,
    Indices,
    Size,
    VideoReader,
    from_first,
)


class PyAVReader(VideoReader):
    """A video read with PyAV: the stream that FFmpeg considers the best, rotated for display.

    A frame is found by seeking to the key frame before it and decoding forward. If a file has no
    reliable timestamps, or is to be read in order, frames are counted from the start as they come
    out of the decoder. Pictures before the first one that can be decoded are not counted.

    Args:
        path: the file.
        size: (H, W) of the frames that are read, or None for the native size.
        threads: decoding threads.
        known_frames: number of frames if it is known already; a file without timestamps is then
            not decoded from beginning to end to count them.
        damaged: numbers of frames that cannot be decoded, such as "98-148,200-210".
        in_order: never seek forward, because seeking was found to give wrong frames.

    Attributes:
        first: number of pictures before the first one that can be decoded.

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
        damaged: str = "",
        in_order: bool = False,
    ) -> None:
        super().__init__(path)
        if in_order:
            self.decoder = "sequential"
        self._size = size
        self._threads = threads
        self._container: Any
        self._stream: Any
        self._upcoming: Iterator[tuple[int, Any]]  # frames with their numbers
        self._next: int  # number of the first upcoming frame
        self._open()
        self.index = index_packets(self._container, self._stream, path)
        self.rate = self.index.rate
        self.first = undecodable(path, self.index)
        # Frames that a file has lost are known by their timestamps only.
        self._counted = self.index.stamps is None or (in_order and not damaged)
        self._seeking = not (in_order or self.index.stamps is None)
        self._rewind()
        self.frames = self.index.frames - self.first
        if known_frames is not None:
            self.frames = known_frames if self._counted else min(self.frames, known_frames)
        elif self.index.stamps is None:
            self.frames = self._count()
        self.times = self._times()
        self.mark_damaged(damaged)

    @cached_property
    def header(self) -> Header:
        """Native size and codec; the first frame is decoded because it has the rotation."""
        with open_container(self.path) as container:
            stream = video_stream(container, self.path)
            try:
                first = next(container.decode(stream))
            except (av.error.FFmpegError, StopIteration) as error:
                raise DecodeError(self.path, f"first frame: {error_text(error)}") from None
            turned = _display(first)[0]
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

    def _times(self) -> NDArray[np.float64] | None:
        """Return the time of each frame in seconds after the first, or None if not known."""
        seconds = self.index.seconds
        if seconds is None:
            return None
        seconds = seconds[self.first :]
        # Single packets may show nothing; nobody knows then which times belong to the frames.
        whole = len(seconds) == self.frames
        cut = self.index.stamps is not None and self.frames < len(seconds)
        return from_first(seconds[: self.frames]) if whole or cut else None

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
        return int(np.searchsorted(self.index.keys, index + self.first, side="right")) - 1

    def _key_before(self, index: int) -> int:
        """Return the frame at which decoding of frame `index` begins."""
        place = self._key_place(index) if self._seeking else -1
        return int(self.index.keys[place]) - self.first if place >= 0 else 0

    def _seek(self, index: int) -> None:
        """Make the key frame before frame `index` the next one, or frame 0 if seeking fails."""
        place = self._key_place(index)
        if not self._seeking or place <= 0:
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
        stamps = None if self._counted else self.index.stamps
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
                place = int(np.searchsorted(stamps, frame.pts))
                number = place - self.first
                if place >= len(stamps) or stamps[place] != frame.pts or number < 0:
                    continue  # the container marks this frame as not shown
            yield number, frame
            count = number + 1


def in_order(path: str, *, start: int | None = None) -> Iterator[Any]:
    """Yield the frames of a file as they come out of the decoder, and None for every error.

    Args:
        path: the file.
        start: the timestamp to begin at, or None for the beginning.
    """
    with open_container(path) as container:
        stream = video_stream(container, path)
        stream.codec_context.thread_count = 1
        stream.codec_context.thread_type = "SLICE"
        if start is not None:
            container.seek(start, stream=stream)
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                yield None
                return
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                yield None
                continue
            yield from frames


def undecodable(path: str, index: PacketIndex) -> int:
    """Return how many pictures come before the first one that the decoder returns.

    Raises:
        DecodeError: If it returns none.
    """
    if index.stamps is None or (len(index.keys) and index.keys[0] == 0):
        return 0
    for frame in in_order(path):
        if frame is not None and frame.pts is not None:
            return int(np.searchsorted(index.stamps, frame.pts))
    raise DecodeError(path, "no frame can be decoded")


def picture(frame: Any, *, size: Size | None = None, threads: int = 1) -> Frames:
    """Return a decoded frame as RGB, turned and mirrored for display, uint8 (H, W, 3)."""
    transposed, upside_down, mirrored = _display(frame)
    height, width = size or (None, None)
    if transposed:
        height, width = width, height
    resized = {} if height is None else {"height": height, "width": width}
    shown = frame.to_ndarray(format="rgb24", interpolation="BILINEAR", threads=threads, **resized)
    if transposed:
        shown = shown.swapaxes(0, 1)
    if upside_down:
        shown = shown[::-1]
    if mirrored:
        shown = shown[:, ::-1]
    return np.ascontiguousarray(shown)


def _display(frame: Any) -> tuple[bool, bool, bool]:
    """Return whether a frame is shown transposed, then upside down, then mirrored left to right.

    The display matrix maps a stored position (x, y) to (a x + c y, b x + d y), y pointing down. In
    each of the eight orientations of a rectangle, either a and d or b and c are zero.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return True, b < 0, c < 0
    return False, d < 0, a < 0
