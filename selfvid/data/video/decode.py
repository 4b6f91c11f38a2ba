"""Open a video with the right decoder, and test whether a decoder works at all."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import cast, get_args

import av
import numpy as np

from selfvid.data.video.decord_reader import DecordReader
from selfvid.data.video.files import reads_images
from selfvid.data.video.image_folder import ImageFolder
from selfvid.data.video.pyav_reader import PyAVReader
from selfvid.data.video.reader import (
    BrokenDecoderError,
    DecodeError,
    DecoderName,
    Frames,
    Size,
    VideoReader,
)
from selfvid.data.video.verification import verify
from selfvid.errors import InputError

__all__ = [
    "BrokenDecoderError",
    "DecodeError",
    "DecoderName",
    "VideoReader",
    "decoder_versions",
    "open_video",
    "preflight",
    "resolve_decoder",
]

_VARIABLE = "SELFVID_DECODER"
_GREYS = (40, 120, 200)  # brightness of each frame of the test clip, far apart
_TOLERANCE = 8  # grey levels that encoding the test clip may change; a wrong frame differs by 80


def open_video(
    path: str | Path,
    *,
    decoder: DecoderName = "auto",
    size: Size | None = None,
    threads: int = 1,
    known_frames: int | None = None,
    damaged: str = "",
) -> VideoReader:
    """Open a video file, a folder of frame images, or an image as a video of one frame.

    ``auto`` uses decord if it is installed and its random reads give the frames that decoding from
    the beginning gives, else PyAV, else PyAV without seeking (``sequential``). A decoder that is
    named is never replaced by another one, but ``pyav`` reads in order where its seeks are wrong.

    Args:
        path: the file, or a folder of images.
        decoder: the decoder to use; for ``auto`` the environment variable SELFVID_DECODER chooses.
        size: (H, W) to resize to while decoding, or None for the native size.
        threads: decoding threads.
        known_frames: number of frames that `decoder` was found to read, as a manifest records it;
            the file is then not examined again.
        damaged: numbers of the frames that cannot be decoded, as a manifest records them.

    Raises:
        InputError: If the path or the decoder does not exist.
        DecodeError: If the file cannot be decoded.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"video {path} does not exist; expected a file or a folder of images")
    if reads_images(path):
        return ImageFolder(str(path), size=size)
    chosen = resolve_decoder(decoder)
    if decoder == "auto" or known_frames is None:
        verdict = verify(str(path), candidates(chosen))
        chosen, known_frames, damaged = verdict.decoder, verdict.frames, verdict.damaged
    if chosen == "decord":
        return DecordReader(str(path), size=size, threads=threads, known_frames=known_frames)
    return PyAVReader(
        str(path),
        size=size,
        threads=threads,
        known_frames=known_frames,
        damaged=damaged,
        in_order=chosen == "sequential",
    )


def candidates(decoder: DecoderName) -> tuple[str, ...]:
    """Return the decoders to try for the name of one, or for ``auto``, in order of preference."""
    if decoder == "auto":
        return ("decord", "pyav") if _decord_installed() else ("pyav",)
    return (decoder,) if decoder != "sequential" else ()


def resolve_decoder(decoder: DecoderName = "auto") -> DecoderName:
    """Return the decoder to use: the given one, else that of SELFVID_DECODER, else ``auto``.

    Raises:
        InputError: If the name is unknown or the decoder is not installed.
    """
    from_variable = decoder == "auto" and bool(os.environ.get(_VARIABLE))
    name = os.environ[_VARIABLE] if from_variable else decoder
    if name not in get_args(DecoderName):
        source = _VARIABLE if from_variable else "decoder"
        expected = ", ".join(get_args(DecoderName))
        raise InputError(f"{source} is {name!r}; expected one of {expected}")
    if name == "decord" and not _decord_installed():
        raise InputError("decoder decord is not installed here; expected pyav or auto")
    return cast(DecoderName, name)


def decoder_versions() -> dict[str, str]:
    """Return the version of each decoder that is installed, for recipes and reports."""
    versions = {"pyav": av.__version__}
    if _decord_installed():
        versions["decord"] = importlib.metadata.version("decord")
    return versions


def preflight(decoder: DecoderName = "auto") -> None:
    """Write a short test clip and decode it, to tell a broken decoder from broken files.

    Raises:
        BrokenDecoderError: If the clip cannot be decoded or its frames are wrong.
    """
    chosen = resolve_decoder(decoder)
    with tempfile.TemporaryDirectory(prefix="selfvid-") as folder:
        file = Path(folder) / "preflight.mp4"
        try:
            _write_test_clip(file)
            with open_video(file, decoder=chosen) as reader:
                frames = reader.read(range(len(_GREYS)))
        except Exception as error:  # a broken installation may raise any error
            raise BrokenDecoderError(
                f"decoder {chosen} cannot decode a test clip ({_first_line(error)}); "
                "expected a working installation, or choose another with SELFVID_DECODER"
            ) from error
    means = frames.mean(axis=(1, 2, 3))  # (frames,)
    if np.abs(means - _GREYS).max() > _TOLERANCE:
        raise BrokenDecoderError(
            f"decoder {chosen} gives brightness {means.round().tolist()} for a test clip; "
            f"expected {list(_GREYS)}"
        )


@lru_cache(maxsize=1)
def _decord_installed() -> bool:
    return importlib.util.find_spec("decord") is not None


def _write_test_clip(file: Path) -> None:
    """Write a video with one frame of each of the test clip's grey levels."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for grey in _GREYS:
            picture: Frames = np.full((64, 64, 3), grey, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
