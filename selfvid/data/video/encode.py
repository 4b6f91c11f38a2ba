"""Write video files: lossy colour videos, and lossless grey videos."""

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

# Nearly lossless, so that strokes of one pixel's width stay visible. Without B-frames packets are
# stored in the order in which they are shown, so timestamps increase one by one even in AVI.
_ENCODER_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"crf": "10", "preset": "veryfast", "bf": "0"},
    "mpeg4": {"qmin": "1", "qmax": "2", "bf": "0"},
}

# FFV1 with Golomb-Rice codes (coder 0) decodes twice as fast as with the range coder. Its files are
# a third larger if everything moves, and smaller if most of the picture stands still.
_LOSSLESS = {"level": "3", "coder": "0", "context": "0", "slices": "4", "slicecrc": "1"}

_LEAST_RATE, _MOST_RATE = 1.0, 1000.0  # frames per second that all containers can store


def write_video(
    path: Path | str, frames: Tensor, *, rate: float = 25.0, codec: Codec = "libx264"
) -> None:
    """Write one video file completely or not at all; an existing file is replaced.

    Colours are stored at half resolution (yuv420p), which every decoder reads; grey frames lose
    nothing by this. The same frames give the same file, because one encoder thread works on each
    file. Several files may be written from several threads at once.

    Args:
        path: the file; its suffix (.mp4, .mkv, .mov or .avi) chooses the container.
        frames: uint8 (T, 3, H, W) on any device, red, green and blue; H and W even.
        rate: frames per second.
        codec: H.264 (libx264) or MPEG-4 part 2 (mpeg4).

    Raises:
        InputError: If the frames, suffix, rate, codec or folder are not as expected.
    """
    path = Path(path)
    _check(path, frames, rate, codec)
    pixels = frames.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    with replacing(path) as draft:
        _encode(draft, pixels, rate=rate, codec=codec)


class GreyWriter:
    """Writes grey pictures one after the other into a Matroska file without loss.

    The codec is FFV1, an open standard (RFC 9043) that players and archives support; every
    picture can be decoded by itself and has a checksum. Use the writer as a context manager.

    Args:
        path: the file, ending in .mkv. It is written in place, so an error leaves an incomplete
            file: give the path of a draft.
        rate: pictures per second for a player.
        comment: text for the file's metadata.
    """

    def __init__(self, path: Path, *, rate: float, comment: str) -> None:
        self._container: Any = av.open(str(path), "w")
        self._container.metadata["comment"] = comment
        self._rate = rate
        self._stream: Any = None

    def write(self, pictures: NDArray[np.uint8]) -> None:
        """Append pictures (n, H, W), all of the same size."""
        if self._stream is None:
            self._begin(*pictures.shape[1:])
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="gray")
            self._container.mux(self._stream.encode(frame))

    def _begin(self, height: int, width: int) -> None:
        rate = _fraction(min(max(self._rate, _LEAST_RATE), _MOST_RATE))
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
        raise InputError(f"frames are {got}; expected even H and W (colour is stored at half size)")
    if path.suffix.lower() not in CONTAINERS:
        raise InputError(f"video file {path} ends in {path.suffix!r}; expected one of {CONTAINERS}")
    if not path.parent.is_dir():
        raise InputError(f"folder {path.parent} of video file {path.name} does not exist")
    if not _LEAST_RATE <= rate <= _MOST_RATE:
        raise InputError(f"rate is {rate} frames per second; expected 1 to 1000")
    if codec not in _ENCODER_OPTIONS:
        raise InputError(f"codec is {codec!r}; expected one of {tuple(_ENCODER_OPTIONS)}")


def _encode(path: Path, pixels: NDArray[np.uint8], *, rate: float, codec: Codec) -> None:
    """Encode pixels (T, H, W, 3) into a new file."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(
            codec, rate=_fraction(rate), options=_ENCODER_OPTIONS[codec]
        )
        stream.height, stream.width = pixels.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for picture in pixels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def _fraction(rate: float) -> Fraction:
    # Denominators up to 1001 include the rates of television, such as 30000 / 1001.
    return Fraction(rate).limit_denominator(1001)
