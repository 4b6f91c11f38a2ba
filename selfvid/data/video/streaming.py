"""The length of a video, and a video of any length as consecutive clips in bounded memory.

Clips of 4 frames from a video of 14 frames; the last two frames are in no clip::

    video  A A A A B B B B C C C C . .
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from selfvid.data.video.decode import DecodeError, DecoderName, open_video
from selfvid.errors import InputError

# Frames decoded at once (or one clip, if it is longer): few enough to fit a processor's cache.
_AT_ONCE = 32


@dataclass(frozen=True)
class Length:
    """Length of a video.

    Attributes:
        frames: number of frames.
        seconds: time from the beginning of the first frame to the end of the last one.
        fault: why the video cannot be read, or "".
    """

    frames: int
    seconds: float
    fault: str = ""


def measure_length(path: Path, *, decoder: DecoderName = "auto") -> Length:
    """Return the length of the video at `path`; `fault` says why if it cannot be read."""
    try:
        with open_video(path, decoder=decoder) as reader:
            last = (reader.frames - 1) / reader.rate if reader.times is None else reader.times[-1]
            return Length(reader.frames, float(last) + 1 / reader.rate)
    except InputError as error:
        return Length(0, 0.0, str(error).partition(";")[0])
    except DecodeError as error:
        return Length(0, 0.0, error.cause)


class ClipStream:
    """The consecutive clips of one video, read once from beginning to end.

    Use it as a context manager.

    Args:
        path: the file, or a folder of frame images.
        frames: T, the frames of a clip.
        size: (H, W) that frames are resized to while they are decoded.
        decoder: the decoder to use.
        threads: decoding threads.

    Attributes:
        beyond: frames that a clip needs after its last one.
        clips: number of whole clips.
        times: presentation time of each frame of each clip in seconds, float64 (clips, T).
        spans: begin and end of each clip in seconds, float64 (clips, 2); a clip ends when the
            next frame is shown.

    Raises:
        InputError: If the path or the decoder does not exist.
        DecodeError: If the file cannot be decoded.
    """

    beyond = 0

    def __init__(
        self,
        path: Path,
        *,
        frames: int,
        size: tuple[int, int],
        decoder: DecoderName = "auto",
        threads: int = 1,
    ) -> None:
        self._reader = open_video(path, decoder=decoder, size=size, threads=threads)
        self._frames = frames
        self.clips = max(0, self._reader.frames - self.beyond) // frames
        rate = self._reader.rate
        seconds = self._reader.times
        if seconds is None:
            seconds = np.arange(self._reader.frames) / rate
        self.times: NDArray[np.float64] = seconds[: self.clips * frames].reshape(-1, frames)
        limits = np.append(seconds, seconds[-1] + 1 / rate)[::frames][: self.clips + 1]
        self.spans: NDArray[np.float64] = np.stack((limits[:-1], limits[1:]), 1)  # (clips, 2)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield blocks of clips, uint8 (n, T, 3, H, W), in order.

        Raises:
            DecodeError: If a frame cannot be decoded.
        """
        for wanted in self._blocks():
            pixels = torch.from_numpy(self._reader.read(wanted))  # (n * T, H, W, 3)
            yield pixels.permute(0, 3, 1, 2).unflatten(0, (-1, self._frames))

    def _blocks(self) -> Iterator[NDArray[np.int64]]:
        """Yield the frame numbers of the clips that are read together, (n * T,)."""
        together = max(1, _AT_ONCE // self._frames)
        for first in range(0, self.clips, together):
            count = min(together, self.clips - first)
            yield np.arange(first * self._frames, (first + count) * self._frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.close()
