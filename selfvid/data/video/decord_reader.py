"""A reader that decodes with decord, which is fast but unmaintained and unreliable for some files.

decord returns other frames than the requested ones for some files, without an error: the readers
of `selfvid.data.video.decode` use it only where `selfvid.data.video.verification` found it right.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

import numpy as np
import torch  # always imported before decord, which otherwise makes torch's CUDA crash

from selfvid.data.video.packets import UNKNOWN_RATE, PacketIndex, agreeing_rate
from selfvid.data.video.pyav_reader import PyAVReader
from selfvid.data.video.reader import (
    DecodeError,
    Frames,
    Header,
    Indices,
    Size,
    VideoReader,
    from_first,
)
from selfvid.data.video.source import source_name

# decord replaces bad frames by copies of the last good one unless a tolerance is set, and it takes
# the integer 0 for "not set". A share below one frame makes the first copy an error.
_NO_COPIES = "0.0000001"
# decord refuses pictures of a few small widths (8, 12, 16, 24, 48 and 72 were seen), whose rows
# FFmpeg pads by whole pixels. Its message then contains these words.
_PADDED = "The size must exactly match"
_MOST_BITS = 8  # bits per colour component that decord returns correctly


class DecordReader(VideoReader):
    """A video read with decord, resized while it is decoded.

    Args:
        path: the file.
        size: (H, W) of the frames that are read, or None for the native size.
        threads: decoding threads.
        known_frames: number of frames to read from, if not all of them can be read.

    Raises:
        DecodeError: If decord cannot open the file, or its timestamps are out of order.
    """

    decoder = "decord"

    def __init__(
        self,
        path: str,
        *,
        size: Size | None = None,
        threads: int = 1,
        known_frames: int | None = None,
    ) -> None:
        super().__init__(path)
        self._threads = threads
        self._size = size
        self._resize_to: Size | None = None
        self._video = self._opened(size)
        found = len(self._video)
        self.frames = found if known_frames is None else min(found, known_frames)
        starts = self._video.get_frame_timestamp(np.arange(found))[:, 0]  # (found,)
        times = from_first(starts.astype(np.float64))
        if times is None:
            raise DecodeError(path, "the timestamps that decord finds do not increase")
        self.times = times[: self.frames]
        self.rate = agreeing_rate(float(self._video.get_avg_fps()), times) or UNKNOWN_RATE

    @cached_property
    def header(self) -> Header:
        """Native size and codec, read with PyAV because decord does not report them."""
        with PyAVReader(self.path) as reader:
            return reader.header

    def close(self) -> None:
        """Free the decoder and its threads."""
        self._video = None

    def _opened(self, size: Size | None) -> Any:
        height, width = size or (-1, -1)
        name = source_name(self.path)
        decord = _decord()
        try:
            return decord.VideoReader(
                name,
                ctx=decord.cpu(0),
                width=width,
                height=height,
                num_threads=self._threads,
                fault_tol=_NO_COPIES,
            )
        except (decord.DECORDError, RuntimeError, AssertionError) as error:
            raise DecodeError(self.path, f"decord cannot open it: {plain_error(error)}") from None

    def _decode(self, indices: Indices) -> Frames:
        decord = _decord()
        try:
            frames: Frames = self._video.get_batch(indices).asnumpy()  # (N, H, W, 3)
        except decord.DECORDLimitReachedError:
            cause = f"a frame between {indices[0]} and {indices[-1]} is damaged or missing"
            raise DecodeError(self.path, cause) from None
        except decord.DECORDError as error:
            if self._size is not None and _PADDED in str(error):
                # The file is fine: decode frames at their native size and resize them afterwards.
                self._size, self._resize_to = None, self._size
                self._video = self._opened(None)
                return self._decode(indices)
            cause = f"frames {indices[0]} to {indices[-1]}: {plain_error(error)}"
            raise DecodeError(self.path, cause) from None
        return frames if self._resize_to is None else _resized(frames, self._resize_to)


def unsuitable(index: PacketIndex) -> str | None:
    """Return why decord would return wrong frames of a file, or None if it would not.

    decord finds frames by their timestamps, and it takes a key frame's number in decoding order
    for its number in presentation order. If either assumption is wrong, it returns other frames
    than the requested ones, without an error.
    """
    if index.bits > _MOST_BITS:
        return f"it has {index.bits} bits per colour"
    if index.stamps is None:
        return "its timestamps are missing or out of order"
    if not index.keys_in_order:
        return "its key frames are shown in another order than they are stored"
    return None


def plain_error(error: BaseException) -> str:
    """Return the message of an error of decord without time, source file and addresses."""
    text = re.sub(r"\[\d\d:\d\d:\d\d\] \S+:\d+: ", "", str(error)).splitlines()[0]
    if "cannot find video stream" in text:
        return "it finds no video stream that it can decode"
    if _PADDED in text:
        return "it cannot read pictures of this width"
    if "sending packet" in text:
        return "damaged data"
    return text.removeprefix("Check failed: ").strip()


def _resized(frames: Frames, size: Size) -> Frames:
    # torchvision takes a second to import, and most processes never resize here.
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.functional import resize

    pictures = torch.from_numpy(frames).permute(0, 3, 1, 2)  # (N, 3, H, W)
    smaller = resize(pictures, list(size), InterpolationMode.BILINEAR, antialias=True)
    return smaller.permute(0, 2, 3, 1).contiguous().numpy()  # (N, H, W, 3)


def _decord() -> Any:
    import decord

    # FFmpeg's warnings on stderr add nothing to the errors that are raised here.
    decord.logging.set_level(decord.logging.QUIET)
    return decord
