"""Encoders, and small videos whose class is the direction of motion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.indexing.command import index
from selfvid.data.video.encode import write_video
from selfvid.encoders.base import Encoder, Provenance
from selfvid.encoders.flow_input import FlowImage
from selfvid.encoders.frame import FrameEncoder

FAST: dict[str, Any] = {
    "folds": 3,
    "seeds": 2,
    "label_curve": (1, 50),
    "workers": 0,
    "quiet": True,
}


def an_encoder(seed: int = 5, **provenance: Any) -> Encoder:
    torch.manual_seed(seed)
    encoder = FrameEncoder(SmallNet(channels=1, stages=(8, 16), grid=4))
    trained_on: dict[str, Any] = {"size": (32, 36), "frames": 9}
    encoder.provenance = Provenance(**(trained_on | provenance))
    return encoder


def an_encoder_of_flow(seed: int = 5, **provenance: Any) -> Encoder:
    torch.manual_seed(seed)
    encoder = FrameEncoder(SmallNet(channels=3, stages=(8, 16), grid=4), input=FlowImage())
    trained_on: dict[str, Any] = {"size": (32, 36), "frames": 8}
    encoder.provenance = Provenance(**(trained_on | provenance))
    return encoder


def write_bars(folder: Path) -> Path:
    """Bars that cross the picture: to the left in one class, to the right in the other.

    All files have the same length and nearly the same size, so that only motion tells the class.
    """
    rng = np.random.default_rng(0)
    for n in range(24):
        frames = torch.full((9, 3, 32, 36), 30, dtype=torch.uint8)
        top, bright = int(rng.integers(0, 16)), int(rng.integers(150, 250))
        for t in range(9):
            left = 4 * (t if n % 2 else 8 - t)
            frames[t, :, top : top + 12, left : left + 4] = bright
        name = "right" if n % 2 else "left"
        (folder / name).mkdir(exist_ok=True)
        write_video(folder / name / f"take{n // 2:02}.mp4", frames)
    return indexed(folder)


def write_drifts(folder: Path) -> Path:
    """Random patterns that drift to the left in one class and to the right in the other."""
    rng = torch.Generator().manual_seed(0)
    for n in range(20):
        rough = torch.rand(1, 3, 8, 12, generator=rng)
        smooth = torch.nn.functional.interpolate(rough, (48, 72), mode="bicubic").clamp(0, 1)[0]
        name, step = ("right", 2) if n % 2 else ("left", -2)
        frames = torch.stack([smooth.roll(step * t, dims=2) for t in range(6)])
        (folder / name).mkdir(exist_ok=True)
        write_video(folder / name / f"take{n // 2:02}.mp4", (frames * 255).byte())
    return indexed(folder)


def indexed(folder: Path) -> Path:
    """A manifest of the videos, labelled by their folder; the two of a take are one group."""
    manifest = folder / "videos.csv"
    index(
        folder,
        out=manifest,
        labels="folder",
        groups=r"take\d+",
        workers=1,
        near_duplicates=False,
        quiet=True,
    )
    return manifest
