"""Inspect one video: what it is, or what is wrong with it. Runs in a guarded child process."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import adaptive_avg_pool2d

from selfvid.data.indexing.near_duplicates import SIDE, write_thumbnails
from selfvid.data.manifest.rows import Finding
from selfvid.data.video.decode import (
    DecodeError,
    DecoderName,
    candidates,
    open_video,
    preflight,
    resolve_decoder,
)
from selfvid.data.video.files import content_id, reads_images
from selfvid.data.video.reader import Frames, VideoReader
from selfvid.data.video.verification import verify
from selfvid.errors import InputError


def inspect_video(path: str, decoder: DecoderName) -> dict[str, Any]:
    """Open a video, find the decoder that reads it rightly and return what was found.

    Args:
        path: a file or a folder of frame images.
        decoder: "decord", "pyav", or "auto" for the first of these that reads the frames rightly.

    Returns:
        A `Finding` as plain data; its `error` says in words what is wrong, or is "".
    """
    try:
        video = content_id(Path(path))
    except OSError as error:
        return dataclasses.asdict(Finding(error=f"unreadable (cannot be opened: {error.strerror})"))
    return dataclasses.asdict(dataclasses.replace(_inspected(path, decoder), video=video))


def check_decoder(decoder: DecoderName) -> str:
    """Return what is wrong with the decoder itself, in words, or "" if it works."""
    try:
        preflight(decoder)
    except InputError as error:
        return str(error)
    return ""


def _inspected(path: str, decoder: DecoderName) -> Finding:
    try:
        if reads_images(path):
            with open_video(path) as reader:
                return _measured(reader, _ends(reader))
        verdict = verify(path, candidates(resolve_decoder(decoder)))
        with open_video(
            path,
            decoder=verdict.decoder,
            known_frames=verdict.frames,
            damaged=verdict.damaged,
        ) as reader:
            finding = _measured(reader, verdict.pictures)
        return dataclasses.replace(finding, damaged_frames=verdict.damaged, remarks=verdict.note)
    except InputError as error:
        return Finding(error=str(error))
    except DecodeError as error:
        none = "no video stream" in error.cause
        return Finding(error="no video stream" if none else f"unreadable ({error.cause})")


def _ends(reader: VideoReader) -> tuple[Frames, ...]:
    """Return the first, the middle and the last frame."""
    return tuple(reader.read([0, reader.frames // 2, reader.frames - 1]))


def _measured(reader: VideoReader, pictures: Sequence[Frames]) -> Finding:
    finding = Finding(
        frames=reader.frames,
        rate=reader.rate,
        duration=_duration(reader),
        decoder=reader.decoder,
        timestamps=reader.times is not None,
        verified=True,
    )
    # A video file of one frame was cut short; a single image is complete.
    if reader.frames < 2 and reader.decoder != "images":
        words = f"too short ({reader.frames} frame{'s' * (reader.frames != 1)}; 2 needed)"
        return dataclasses.replace(finding, error=words)
    return dataclasses.replace(
        finding,
        width=reader.width,
        height=reader.height,
        codec=reader.codec,
        thumbnails=_thumbnails(pictures),
    )


def _duration(reader: VideoReader) -> float:
    if reader.times is None or not len(reader.times):
        return reader.frames / reader.rate
    return float(reader.times[-1]) + 1 / reader.rate


def _thumbnails(pictures: Sequence[Frames]) -> str:
    """Return tiny grey versions of frames (H, W, 3), as text."""
    small = [
        adaptive_avg_pool2d(torch.from_numpy(picture).float().mean(-1)[None], SIDE)  # (1, 6, 6)
        for picture in pictures
    ]
    return write_thumbnails(torch.cat(small).round().numpy())
