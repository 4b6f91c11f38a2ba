"""A video of any length as a stream of clips laid end to end, in bounded memory.

Clips of 4 frames from 14; the two frames left over make no clip::

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

# Frames that are decoded at once, or one clip of more: few enough for a processor's cache.
_AT_ONCE = 32


@dataclass(frozen=True)
class Length:
    """How long a video is.

    Attributes:
        frames: number of frames.
        seconds: from the first frame's beginning to the last one's end.
        fault: why it cannot be read, or "".
    """

    frames: int
    seconds: float
    fault: str = ""


def measure_length(path: Path, *, decoder: DecoderName = "auto") -> Length:
    """How long the video at `path` is; what is wrong with it in words, where it cannot be read."""
    try:
        with open_video(path, decoder=decoder) as reader:
            last = (reader.frames - 1) / reader.rate if reader.times is None else reader.times[-1]
            return Length(reader.frames, float(last) + 1 / reader.rate)
    except InputError as error:
        return Length(0, 0.0, str(error).partition(";")[0])
    except DecodeError as error:
        return Length(0, 0.0, error.cause)


class ClipStream:
    """One video, read once from its beginning to its end; use it as a context manager.

    Args:
        path: the file, or a folder of frame images.
        frames: T of a clip.
        size: (H, W) that frames are resized to while they are decoded.
        decoder: who decodes.
        threads: decoding threads.

    Attributes:
        clips: how many whole clips there are.
        times: presentation time of each frame of each clip in seconds, float64 (clips, T).
        spans: seconds at which each clip begins and is over, float64 (clips, 2): a clip is over
            where the next frame is shown.

    Raises:
        InputError: where path or decoder does not exist.
        DecodeError: where the file cannot be decoded.
    """

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
        self.clips = self._reader.frames // frames
        shown = self._reader.times
        rate = self._reader.rate
        seconds = np.arange(self._reader.frames) / rate if shown is None else shown
        self.times: NDArray[np.float64] = seconds[: self.clips * frames].reshape(-1, frames)
        beginnings = np.append(seconds, seconds[-1] + 1 / rate)[::frames][: self.clips + 1]
        self.spans: NDArray[np.float64] = np.stack((beginnings[:-1], beginnings[1:]), 1)

    def __iter__(self) -> Iterator[Tensor]:
        """Blocks of clips, uint8 (n, T, 3, H, W), in order.

        Raises:
            DecodeError: where a frame cannot be decoded.
        """
        together = max(1, _AT_ONCE // self._frames)
        for first in range(0, self.clips, together):
            count = min(together, self.clips - first)
            wanted = np.arange(first * self._frames, (first + count) * self._frames)
            pixels = torch.from_numpy(self._reader.read(wanted))
            yield pixels.permute(0, 3, 1, 2).unflatten(0, (count, self._frames))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.close()
