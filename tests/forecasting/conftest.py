"""Short runs on generated digits and on videos."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.sampling import RandomClips
from selfvid.encoders.conv_lstm import ConvLSTMEncoder
from selfvid.encoders.input import PixelInput
from selfvid.encoders.vectors import FlatFrames
from selfvid.objectives.flow_autoencoder import FlowAutoencoder
from tests.forecasting.runs import DIGITS, lstm, train_run


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_run(lstm(FlatFrames((32, 32))), DIGITS, tmp_path_factory.mktemp("run") / "lstm")


@pytest.fixture(scope="session")
def flow_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    backbone = SmallNet(channels=1, stages=(4,), norm="none", activation="tanh")
    pixels = PixelInput("grey", mean=(0.0,), deviation=(1.0,))
    encoder = ConvLSTMEncoder(backbone, hidden=4, kernel=3, flow_kernel=3, input=pixels)
    objective = FlowAutoencoder(encoder)
    return train_run(objective, DIGITS, tmp_path_factory.mktemp("run") / "flow")


@pytest.fixture(scope="session")
def video_run(digits_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_run(
        lstm(FlatFrames((32, 32))),
        digits_manifest,
        tmp_path_factory.mktemp("run") / "videos",
        clips=RandomClips(frames=5),
        size=32,
        split="train",
        workers=0,
    )
