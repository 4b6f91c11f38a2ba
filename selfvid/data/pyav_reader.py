"""Videos read with PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from selfvid.data.reader import DecodeError, Frames, Header, Indices, Size, VideoReader, rising

av.logging.set_level(None)

_UNKNOWN_RATE = 25.0


@dataclass(frozen=True)
class PacketIndex:
    """Where frames lie in a file, told by its packets without decoding any.

    Attributes:
        frames: number of frames.
        stamps: presentation stamps in rising order, int64 (frames,), in units of the stream's
            time base; None where they are absent or cannot be trusted.
        keys: frame numbers at which decoding can begin, rising.
        key_stamps: the stamps to seek to for each of `keys`, in order of decoding.
        keys_in_order: whether each key frame has the same number in order of decoding as in
            order of presentation, which decord takes for granted.
        bits: bits of one colour component.
    """

    frames: int
    stamps: NDArray[np.int64] | None
    keys: NDArray[np.int64]
    key_stamps: NDArray[np.int64]
    keys_in_order: bool
    bits: int


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
        self._open()
        self.index = _index_packets(self._container, self._stream, path)
        self.frames = known_frames or self.index.frames
        self.rate = _rate(self._stream)
        self.times = None
        if self.index.stamps is not None:
            seconds = self.index.stamps.astype(np.float64) * float(self._stream.time_base)
            self.times = rising(seconds)
        self._rewind()
        if self.index.stamps is None and known_frames is None:
            self.frames = self._count()

    @cached_property
    def header(self) -> Header:
        """Native size and codec; the first frame tells the rotation."""
        with _opened(self.path) as container:
            stream = _video_stream(container, self.path)
            try:
                first = next(container.decode(stream))
            except (av.error.FFmpegError, StopIteration) as error:
                raise DecodeError(self.path, f"first frame: {_in_words(error)}") from None
            turned = first.rotation % 180 != 0
            shown = (first.width, first.height) if turned else (first.height, first.width)
            return Header(*shown, codec=stream.codec_context.codec.canonical_name)

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _open(self) -> None:
        self._container = _opened(self.path)
        self._stream = _video_stream(self._container, self.path)
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
                cause = f"after frame {count} of {self.frames}: {_in_words(error)}"
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
        quarter_turns = round(frame.rotation / 90)
        height, width = self._size or (None, None)
        if quarter_turns % 2:
            height, width = width, height
        resized = {} if height is None else {"height": height, "width": width}
        flat = frame.to_ndarray(format="rgb24", interpolation="BILINEAR", **resized)
        return np.ascontiguousarray(np.rot90(flat, quarter_turns)) if quarter_turns else flat


def packet_index(path: str) -> PacketIndex:
    """Look through a file's packets without decoding any.

    Raises:
        DecodeError: where the file cannot be opened or has no video stream.
    """
    with _opened(path) as container:
        return _index_packets(container, _video_stream(container, path), path)


def _opened(path: str) -> Any:
    try:
        return av.open(path, metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise DecodeError(path, f"cannot be opened: {_in_words(error)}") from None


def _video_stream(container: Any, path: str) -> Any:
    stream = container.streams.best("video")
    # A sound file's cover picture is a video stream to FFmpeg.
    if stream is None or av.stream.Disposition.attached_pic in stream.disposition:
        raise DecodeError(path, "has no video stream")
    return stream


def _index_packets(container: Any, stream: Any, path: str) -> PacketIndex:
    # Encoders of the DivX family mark a dropped frame by a packet of one byte, shown as nothing.
    least = 2 if stream.codec_context.codec.canonical_name == "mpeg4" else 1
    try:
        packets = [
            (packet.pts, packet.dts, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.size >= least and not packet.is_discard
        ]
    except av.error.FFmpegError as error:
        raise DecodeError(path, f"cannot be looked through: {_in_words(error)}") from None
    if not packets:
        raise DecodeError(path, "has a video stream without frames")
    pixel_format = stream.codec_context.format
    bits = max((part.bits for part in pixel_format.components), default=8) if pixel_format else 8
    stamps = _trusted_stamps([pts for pts, _, _ in packets], container, stream)
    if stamps is None:
        none = np.zeros(0, np.int64)
        return PacketIndex(len(packets), None, none, none, False, bits)
    coded = [at for at, (_, _, is_key) in enumerate(packets) if is_key]
    shown = np.searchsorted(stamps, [packets[at][0] for at in coded])
    order = np.argsort(shown)
    to_seek = [packets[at][0] if packets[at][1] is None else packets[at][1] for at in coded]
    return PacketIndex(
        frames=len(packets),
        stamps=stamps,
        keys=shown[order].astype(np.int64),
        key_stamps=np.array(to_seek, np.int64)[order],
        keys_in_order=bool((shown == np.array(coded)).all()),
        bits=bits,
    )


def _trusted_stamps(pts: list[int | None], container: Any, stream: Any) -> NDArray[np.int64] | None:
    """The stamps in rising order, or None where they are absent, repeated or mere guesses."""
    known = [stamp for stamp in pts if stamp is not None]
    stamps = np.sort(np.array(known, np.int64))
    if len(known) < len(pts) or (np.diff(stamps) == 0).any():
        return None
    # AVI keeps no presentation times: where frames may be reordered FFmpeg's are guesses, and
    # frames were seen to come out of the decoder in another order than theirs.
    if "avi" in container.format.name and stream.codec_context.has_b_frames:
        return None
    return stamps


def _rate(stream: Any) -> float:
    return float(stream.average_rate or stream.guessed_rate or _UNKNOWN_RATE)


def _in_words(error: BaseException) -> str:
    if isinstance(error, StopIteration):
        return "nothing can be decoded"
    return str(getattr(error, "strerror", None) or error)


def _with_first(
    first: tuple[int, Any], rest: Iterator[tuple[int, Any]]
) -> Iterator[tuple[int, Any]]:
    yield first
    yield from rest
