"""Short runs of objectives that predict frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from selfvid.data.digits.stream import DigitStream
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.vectors import FrameVectors
from selfvid.objectives.base import Objective
from selfvid.objectives.lstm_autoencoder import LSTMAutoencoder
from selfvid.pretraining.command import pretrain
from selfvid.training.schedule import Training

DIGITS = DigitStream(frames=6, canvas=32, digits=1)


def lstm(vectors: FrameVectors, **more: Any) -> LSTMAutoencoder:
    torch.manual_seed(0)
    return LSTMAutoencoder(LSTMEncoder(vectors, hidden=8), future=2, **more)


def train_run(objective: Objective, data: Path | DigitStream, out: Path, **more: Any) -> Path:
    plan = Training(steps=1, batch=4, warmup=0)
    return pretrain(data, out, objective=objective, training=plan, precision="float32", **more)
