"""Videos read with decord, fast but old: used where it finds frames reliably."""

from __future__ import annotations

import math
import re
from functools import cached_property
from typing import Any

import numpy as np
import torch  # always before decord, which otherwise crashes torch's CUDA

from selfvid.data.video.packets import PacketIndex, packet_index
from selfvid.data.video.pyav_reader import PyAVReader
from selfvid.data.video.reader import (
    DecodeError,
    Frames,
    Header,
    Indices,
    Size,
    VideoReader,
    rising,
)

# decord returns copies of the last good frame for bad ones unless a tolerance is set, and it
# takes an integer 0 for "none set"; a share below one frame makes the first copy an error.
_NO_COPIES = "0.0000001"
# decord refuses pictures of a few small widths (8, 12, 16, 24, 48 and 72 were seen), whose rows
# FFmpeg pads by whole pixels.
_PADDED = "The size must exactly match"
_UNKNOWN_RATE = 25.0


class DecordReader(VideoReader):
    """A video read with decord, resized while it is decoded.

    Args:
        path: the file.
        size: (H, W) of the frames that are read, or None for the native size.
        threads: decoding threads.
        checked: the file is known to suit decord, so that its packets need not be looked at.

    Raises:
        DecodeError: where decord cannot open the file or would confuse its frames.
    """

    decoder = "decord"

    def __init__(
        self, path: str, *, size: Size | None = None, threads: int = 1, checked: bool = False
    ) -> None:
        super().__init__(path)
        index = None if checked else packet_index(path)
        if index is not None and (reason := _why_not(index)):
            raise DecodeError(path, f"decord is no reader for it, pyav is: {reason}")
        self._threads = threads
        self._size = size
        self._resize_to: Size | None = None
        self._video = self._opened(size)
        self.frames = len(self._video)
        rate = float(self._video.get_avg_fps())
        self.rate = rate if math.isfinite(rate) and rate > 0 else _UNKNOWN_RATE
        starts = self._video.get_frame_timestamp(np.arange(self.frames))[:, 0]
        self.times = rising(starts.astype(np.float64))
        if self.times is None:
            cause = "decord is no reader for it, pyav is: it finds no timestamps that rise"
            raise DecodeError(path, cause)
        if index is not None and index.frames != self.frames:
            cause = f"decord counts {self.frames} frames where {index.frames} are shown; use pyav"
            raise DecodeError(path, cause)

    @cached_property
    def header(self) -> Header:
        """Native size and codec, which decord does not tell."""
        with PyAVReader(self.path) as reader:
            return reader.header

    def _opened(self, size: Size | None) -> Any:
        height, width = size or (-1, -1)
        decord = _decord()
        try:
            return decord.VideoReader(
                self.path,
                ctx=decord.cpu(0),
                width=width,
                height=height,
                num_threads=self._threads,
                fault_tol=_NO_COPIES,
            )
        except (decord.DECORDError, RuntimeError, AssertionError) as error:
            raise DecodeError(self.path, f"decord cannot open it: {_in_words(error)}") from None

    def _decode(self, indices: Indices) -> Frames:
        decord = _decord()
        try:
            frames: Frames = self._video.get_batch(indices).asnumpy()
        except decord.DECORDLimitReachedError:
            cause = f"a frame between {indices[0]} and {indices[-1]} is damaged or missing"
            raise DecodeError(self.path, cause) from None
        except decord.DECORDError as error:
            if self._size is not None and _PADDED in str(error):
                # Not a fault of the file: read it whole, and resize behind the decoder.
                self._size, self._resize_to = None, self._size
                self._video = self._opened(None)
                return self._decode(indices)
            cause = f"frames {indices[0]} to {indices[-1]}: {_in_words(error)}"
            raise DecodeError(self.path, cause) from None
        return frames if self._resize_to is None else _resized(frames, self._resize_to)

    def close(self) -> None:
        """Free the decoder and its threads."""
        self._video = None


def _why_not(index: PacketIndex) -> str | None:
    """Why decord would not give the right frames of a file, or None where it would.

    It finds frames by their timestamps and takes a key frame's number in order of decoding for
    its number in order of presentation; where either fails it returns other frames than those
    asked for, with no error.
    """
    if index.bits > 8:
        return f"it has {index.bits} bits per colour"
    if index.stamps is None:
        return "its timestamps are absent or disordered"
    if not index.keys_in_order:
        return "its key frames are shown in another order than they are stored"
    return None


def _resized(frames: Frames, size: Size) -> Frames:
    # torchvision takes a second to import, which processes that never come here do without.
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.functional import resize

    pictures = torch.from_numpy(frames).permute(0, 3, 1, 2)
    smaller = resize(pictures, list(size), InterpolationMode.BILINEAR, antialias=True)
    return smaller.permute(0, 2, 3, 1).contiguous().numpy()


def _decord() -> Any:
    import decord

    # FFmpeg's warnings on stderr tell a user nothing that the error raised here does not.
    decord.logging.set_level(decord.logging.QUIET)
    return decord


def _in_words(error: BaseException) -> str:
    """The message of decord without time, source file and addresses."""
    text = re.sub(r"\[\d\d:\d\d:\d\d\] \S+:\d+: ", "", str(error)).splitlines()[0]
    if "cannot find video stream" in text:
        return "it finds no video stream that it can decode"
    if _PADDED in text:
        return "it cannot read pictures of this width"
    if "sending packet" in text:
        return "damaged data"
    return text.removeprefix("Check failed: ").strip()
