"""Untrimmed videos that are bright for a while, grey for a while, and dark otherwise."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.video.encode import write_video
from selfvid.detecting.detector import load_detector
from selfvid.detecting.evaluate import detect_eval
from selfvid.encoders.frame import FrameEncoder
from tests.detecting.runs import LEARNT, train_run

RATE, SIDE, VIDEOS = 10.0, 32, 8
SHADES = {"bright": 220, "grey": 120, "": 20}


@pytest.fixture(scope="session")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Annotations of eight videos of about half a minute; the last two are test videos."""
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
    """The folder of an encoder with random weights; its vectors depend on brightness."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("stream_encoder") / "encoder"
    return FrameEncoder(SmallNet(channels=1, stages=(8,), norm="none")).save(folder)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of features that all runs share."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="session")
def run(
    stream_encoder: Path, annotated: Path, store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The run of a detector that has learnt."""
    return train_run(
        stream_encoder, annotated, tmp_path_factory.mktemp("run") / "run", store, steps=LEARNT
    )


@pytest.fixture
def evaluated(run: Path, tmp_path: Path) -> Path:
    """A copy of that run with the result of detect eval."""
    copy = tmp_path / "evaluated"
    shutil.copytree(run, copy)
    detect_eval(copy, smooth=1, alpha=0.5, pictures=2, seeds=3, quiet=True)
    return copy


@pytest.fixture(scope="session")
def without_split(annotated: Path) -> Path:
    """The same videos without a split, in groups of two."""
    bare = annotated.with_name("bare.csv")
    head, *lines = [line.rpartition(",")[0] for line in annotated.read_text().splitlines()]
    days = [f"{line},day {int(line[0]) // 2}" for line in lines]
    bare.write_text("\n".join([f"{head},group", *days]) + "\n")
    return bare


@pytest.fixture(scope="session")
def in_two_folds(
    stream_encoder: Path, without_split: Path, store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run of two folds that share one encoder."""
    return train_run(
        stream_encoder, without_split, tmp_path_factory.mktemp("folds") / "run", store, folds=2
    )


@pytest.fixture(scope="session")
def train_videos(in_two_folds: Path, without_split: Path) -> list[list[Path]]:
    """The training videos of each of two folds."""
    detectors = [load_detector(in_two_folds / "folds" / n / "detector") for n in "12"]
    return [[without_split.with_name(name) for name in each.trained] for each in detectors]
