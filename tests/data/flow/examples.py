"""Flow videos, a row of their table, and an encoder that predicts flow."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from selfvid.backbones.small import SmallNet
from selfvid.data.flow.folder import FlowRow, FlowWriter
from selfvid.encoders.base import Encoder, Provenance
from selfvid.encoders.conv_lstm import ConvLSTMEncoder

ROW = FlowRow(
    path="a.mkv",
    video="1",
    source="a.mp4",
    direction="forward",
    status="ok",
    error="",
    frames=7,
    height=8,
    width=10,
    bound=12.7,
    clipped=0.25,
    bytes=9,
    estimator="dis",
    settings='{"preset": "medium"}',
)


def codes(count: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 2, height, width), generator=generator).to(torch.uint8)


def written(path: Path, values: Tensor, *, rate: float = 25.0) -> Path:
    with FlowWriter(path, rate=rate, comment="test") as file:
        for some in values.split(4):
            file.append(some)
    return path


def flowing(seed: int = 0, *, flow_kernel: int | None = 3) -> Encoder:
    """An encoder that predicts some flow, as training would have it."""
    torch.manual_seed(seed)
    backbone = SmallNet(channels=1, stages=(4,), kernel=5, norm="none", activation="tanh")
    encoder = ConvLSTMEncoder(backbone, hidden=6, kernel=3, bound=0.4, flow_kernel=flow_kernel)
    if encoder.flow_head is not None:  # its last layer starts at zero
        for weight in encoder.flow_head.parameters():
            torch.nn.init.normal_(weight, std=0.5)
    encoder.provenance = Provenance(frames=5)
    return encoder
