"""Short runs of detect train for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.video.files import content_id
from selfvid.detecting.streams import ParallelStreams
from selfvid.detecting.train import Shape, detect_train
from selfvid.encoders.base import Provenance
from selfvid.encoders.frame import FrameEncoder
from selfvid.training.schedule import Training

PLAN: dict[str, Any] = {"batch": 3, "warmup": 0, "rate": 0.01}
LEARNT = 80  # steps after which a detector finds nearly everything


def train_run(stream_encoder: Path, annotated: Path, out: Path, store: Path, **more: Any) -> Path:
    """Train a small detector for a few steps."""
    training = Training(**{**PLAN, "steps": more.pop("steps", 2), **more.pop("plan", {})})
    streams = more.pop("streams", ParallelStreams(window=6))
    return detect_train(
        stream_encoder,
        annotated,
        out,
        features=store,
        frames=8,
        size=32,
        head=Shape(hidden=12, dropout=0.1),
        streams=streams,
        training=training,
        precision="float32",
        quiet=True,
        **more,
    )


def first_stage(folder: Path, footage: list[list[Path]]) -> Path:
    """Write a run with an encoder for each fold, trained with the labels of these videos."""
    for number, videos in enumerate(footage, start=1):
        torch.manual_seed(number)
        encoder = FrameEncoder(SmallNet(channels=1, stages=(8,), norm="none"))
        ids = tuple(map(content_id, videos))
        encoder.provenance = Provenance(footage=ids, labelled=ids)
        encoder.save(folder / "folds" / str(number) / "encoder")
    return folder
