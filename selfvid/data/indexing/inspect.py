"""Inspect one video: what it is, or what is wrong with it. Runs in a guarded child process."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from selfvid.data.indexing.near_duplicates import SIDE, write_thumbnails
from selfvid.data.manifest.rows import Finding
from selfvid.data.video.decode import DecodeError, DecoderName, open_video, preflight
from selfvid.data.video.files import content_id
from selfvid.data.video.reader import VideoReader
from selfvid.errors import InputError

_SEARCHED = 1000  # frames that are searched for the first damaged one, to bound the time for a file


def inspect_video(path: str, decoder: DecoderName) -> dict[str, Any]:
    """Open a video, decode its first, middle and last frame and return what was found.

    Args:
        path: a file or a folder of frame images.
        decoder: "decord", "pyav", or "auto" for the first of these that reads the frames.

    Returns:
        A `Finding` as plain data; its `error` says in words what is wrong, or is "".
    """
    try:
        video = content_id(Path(path))
    except OSError as error:
        return dataclasses.asdict(Finding(error=f"unreadable (cannot be opened: {error.strerror})"))
    finding = _inspected(path, decoder)
    if finding.error and finding.decoder == "decord" and decoder == "auto":
        finding = _inspected(path, "pyav")
    return dataclasses.asdict(dataclasses.replace(finding, video=video))


def check_decoder(decoder: DecoderName) -> str:
    """Return what is wrong with the decoder itself, in words, or "" if it works."""
    try:
        preflight(decoder)
    except InputError as error:
        return str(error)
    return ""


def _inspected(path: str, decoder: DecoderName) -> Finding:
    try:
        with open_video(path, decoder=decoder) as reader:
            return _measured(reader)
    except InputError as error:
        return Finding(error=str(error))
    except DecodeError as error:
        none = "no video stream" in error.cause
        return Finding(error="no video stream" if none else f"unreadable ({error.cause})")


def _measured(reader: VideoReader) -> Finding:
    finding = Finding(
        frames=reader.frames,
        rate=reader.rate,
        duration=_duration(reader),
        decoder=reader.decoder,
        timestamps=reader.times is not None,
    )
    # A video file of one frame was cut short; a single image is complete.
    if reader.frames < 2 and reader.decoder != "images":
        words = f"too short ({reader.frames} frame{'s' * (reader.frames != 1)}; 2 needed)"
        return dataclasses.replace(finding, error=words)
    pictures: list[np.ndarray] = []
    good = -1  # the last frame that was decoded
    for index in (0, reader.frames // 2, reader.frames - 1):
        try:
            pictures.append(reader.read([index])[0])
        except DecodeError as error:
            words = _damage(reader, good, index, error)
            return dataclasses.replace(finding, error=words)
        good = index
    return dataclasses.replace(
        finding,
        width=reader.width,
        height=reader.height,
        codec=reader.codec,
        thumbnails=_thumbnails(pictures),
    )


def _damage(reader: VideoReader, good: int, bad: int, error: DecodeError) -> str:
    """Return where the damage begins that was found at frame `bad`, after the good frame `good`."""
    for index in range(good + 1, min(bad, good + 1 + _SEARCHED)):
        try:
            reader.read([index])
        except DecodeError as earlier:
            bad, error = index, earlier
            break
    return f"damaged at frame {bad} of {reader.frames} ({error.cause})"


def _duration(reader: VideoReader) -> float:
    if reader.times is None or not len(reader.times):
        return reader.frames / reader.rate
    return float(reader.times[-1]) + 1 / reader.rate


def _thumbnails(pictures: list[np.ndarray]) -> str:
    """Return tiny grey versions of frames (H, W, 3), as text."""
    small = [
        adaptive_avg_pool2d(torch.from_numpy(picture).float().mean(-1)[None], SIDE)  # (1, 6, 6)
        for picture in pictures
    ]
    return write_thumbnails(torch.cat(small).round().numpy())
