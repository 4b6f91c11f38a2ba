"""Writing real video files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import av
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from selfvid.errors import InputError
from selfvid.saving.whole import replacing

Codec = Literal["libx264", "mpeg4"]

CONTAINERS = (".mp4", ".mkv", ".mov", ".avi")

# Near-lossless, so that strokes one pixel wide survive. Without B-frames packets lie in the
# order in which they are shown, so timestamps rise one by one even in AVI.
_ENCODER_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"crf": "10", "preset": "veryfast", "bf": "0"},
    "mpeg4": {"qmin": "1", "qmax": "2", "bf": "0"},
}

# Golomb-Rice codes: a third larger than FFV1's range coder where all moves, smaller where most
# stands still, and twice as fast to decode.
_LOSSLESS = {"level": "3", "coder": "0", "context": "0", "slices": "4", "slicecrc": "1"}


def write_video(
    path: Path | str, frames: Tensor, *, rate: float = 25.0, codec: Codec = "libx264"
) -> None:
    """Write one video file, whole or not at all; a file that is there is replaced.

    Colours are kept at half resolution (yuv420p), which every decoder reads; grey frames lose
    nothing by it. The same frames give the same file: one encoder thread works on each file,
    and several files may be written from several threads at once.

    Args:
        path: the file; its suffix (.mp4, .mkv, .mov or .avi) chooses the container.
        frames: uint8 (T, 3, H, W) on any device, red, green and blue; H and W even.
        rate: frames per second.
        codec: H.264 (libx264) or MPEG-4 part 2 (mpeg4).

    Raises:
        InputError: where the frames, the suffix, the rate, the codec or the folder do not fit.
    """
    path = Path(path)
    _check(path, frames, rate, codec)
    pixels = frames.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    with replacing(path) as draft:
        _encode(draft, pixels, rate=rate, codec=codec)


class GreyWriter:
    """Writes grey pictures into a Matroska file, one after the other, losing nothing.

    The codec is FFV1, an open standard (RFC 9043) that players and archives know; every picture
    can be decoded by itself and carries a checksum. Use it as a context manager.

    Args:
        path: the file, ending in .mkv; written in place, so that a draft is what to give.
        rate: pictures per second for a player.
        comment: text for the file's head.
    """

    def __init__(self, path: Path, *, rate: float, comment: str) -> None:
        self._container: Any = av.open(str(path), "w")
        self._container.metadata["comment"] = comment
        self._rate = rate
        self._stream: Any = None

    def write(self, pictures: NDArray[np.uint8]) -> None:
        """Append pictures (n, H, W), all of one size."""
        if self._stream is None:
            self._begin(*pictures.shape[1:])
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="gray")
            self._container.mux(self._stream.encode(frame))

    def _begin(self, height: int, width: int) -> None:
        rate = Fraction(min(max(self._rate, 1.0), 1000.0)).limit_denominator(1001)
        self._stream = self._container.add_stream("ffv1", rate=rate, options=_LOSSLESS)
        self._stream.height, self._stream.width = height, width
        self._stream.pix_fmt = "gray"
        self._stream.thread_count = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()


def _check(path: Path, frames: Tensor, rate: float, codec: str) -> None:
    got = f"{str(frames.dtype).removeprefix('torch.')} {tuple(frames.shape)}"
    if frames.dtype != torch.uint8 or frames.ndim != 4 or frames.shape[1] != 3 or not len(frames):
        raise InputError(f"frames are {got}; expected uint8 (T, 3, H, W) with at least one frame")
    if any(side == 0 or side % 2 for side in frames.shape[2:]):
        raise InputError(f"frames are {got}; expected even H and W (colour is kept at half size)")
    if path.suffix.lower() not in CONTAINERS:
        raise InputError(f"video file {path} ends in {path.suffix!r}; expected one of {CONTAINERS}")
    if not path.parent.is_dir():
        raise InputError(f"folder {path.parent} of video file {path.name} does not exist")
    if not 1 <= rate <= 1000:
        raise InputError(f"rate is {rate} frames per second; expected 1 to 1000")
    if codec not in _ENCODER_OPTIONS:
        raise InputError(f"codec is {codec!r}; expected one of {tuple(_ENCODER_OPTIONS)}")


def _encode(path: Path, pixels: NDArray[np.uint8], *, rate: float, codec: Codec) -> None:
    """Encode pixels (T, H, W, 3) into a new file."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(
            codec, rate=Fraction(rate).limit_denominator(1001), options=_ENCODER_OPTIONS[codec]
        )
        stream.height, stream.width = pixels.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for picture in pixels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
