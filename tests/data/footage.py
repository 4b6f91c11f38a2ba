"""Tiny videos in which the grey level of each frame encodes the frame's number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.encode import write_video

SHARED = Path(__file__).parents[2] / "../shared/data"
ASSETS = SHARED / "decoder_assets"

_DARKEST, _STEP = 10, 6  # levels far enough apart to survive compression
MOST_FRAMES = (255 - _DARKEST) // _STEP


def numbered_video(path: Path, *, frames: int, size: tuple[int, int] = (32, 64)) -> Path:
    """Write a video whose frame i is evenly grey, of level 10 + 6 i."""
    assert frames <= MOST_FRAMES
    levels = _DARKEST + _STEP * torch.arange(frames)
    pixels = levels.to(torch.uint8)[:, None, None, None].expand(frames, 3, *size)
    write_video(path, pixels, rate=10.0)
    return path


def numbers(frames: np.ndarray | torch.Tensor) -> list[int]:
    """Return the numbers that frames, of any shape (N, ...), encode."""
    means = np.asarray(frames, np.float64).reshape(len(frames), -1).mean(1)
    return [round((float(mean) - _DARKEST) / _STEP) for mean in means]


def manifest_of(folder: Path, *lengths: int, decoder: str = "pyav") -> Manifest:
    """Return a manifest of numbered videos; video i has `lengths[i]` frames."""
    rows = []
    for index, frames in enumerate(lengths):
        file = numbered_video(folder / f"{index}.mp4", frames=frames)
        rows.append(
            Row(
                path=file.name,
                video=f"video {index}",
                label=f"class {index % 2}",
                frames=frames,
                rate=10.0,
                decoder=decoder,
                timestamps=True,
                verified=True,
            )
        )
    return Manifest(tuple(rows), folder)


def spoil(file: Path) -> None:
    """Make a video unreadable without changing its name."""
    file.write_bytes(b"\xffno video any more" * 10)
