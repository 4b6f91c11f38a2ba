"""Untrimmed videos in which it is bright for a while, or grey, or neither."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.video.encode import write_video
from selfvid.encoders.frame import FrameEncoder

RATE, SIDE, VIDEOS = 10.0, 32, 8
SHADES = {"bright": 220, "grey": 120, "": 20}


@pytest.fixture(scope="session")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of eight videos of about half a minute, the last two for testing."""
    folder = tmp_path_factory.mktemp("untrimmed")
    rng = np.random.default_rng(0)
    path = folder / "activities.csv"
    with path.open("w", newline="") as text:
        table = csv.writer(text)
        table.writerow(["video", "start", "end", "label", "split"])
        for number in range(VIDEOS):
            shades: list[int] = []
            for label in ("", "bright", "", "grey", "bright", "", "grey"):
                count = int(rng.integers(30, 60))
                if label:
                    start, end = len(shades) / RATE, (len(shades) + count) / RATE
                    split = "test" if number >= VIDEOS - 2 else "train"
                    table.writerow([f"{number}.mp4", start, end, label, split])
                shades += [SHADES[label]] * count
            frames = torch.tensor(shades, dtype=torch.uint8)[:, None, None, None]
            write_video(
                folder / f"{number}.mp4", frames.expand(-1, 3, SIDE, SIDE).contiguous(), rate=RATE
            )
    return path


@pytest.fixture(scope="session")
def stream_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random encoder that sees brightness."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("stream_encoder") / "encoder"
    return FrameEncoder(SmallNet(channels=1, stages=(8,), norm="none")).save(folder)
