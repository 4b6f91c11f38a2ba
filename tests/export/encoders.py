"""Small encoders to export, and a way to save them in a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor, nn

from selfvid.backbones.c3d import C3D
from selfvid.backbones.inflated import Inflated
from selfvid.backbones.karpathy import LateFusion, SlowFusion
from selfvid.backbones.resnet import ResNet
from selfvid.backbones.small import SmallNet
from selfvid.backbones.torchvision_video import TorchvisionVideo
from selfvid.encoders.base import Encoder, Provenance
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.flow_input import FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput
from selfvid.encoders.places import PlacesEncoder
from selfvid.encoders.stack import Stack
from selfvid.export.command import Format
from selfvid.types import Features, Widths

FORMATS = get_args(Format)
SIZE = 32


ENCODERS: dict[str, Callable[[], Encoder]] = {
    "pixels": lambda: FrameEncoder(SmallNet(channels=1, stages=(8, 16))),
    "differences": lambda: FrameEncoder(
        SmallNet(channels=3, stages=(8, 16), grid=2, features=6, activation="tanh"),
        input=DifferenceInput("rgb"),
    ),
    "stacked differences, places kept": lambda: FrameEncoder(
        SmallNet(channels=2, stages=(8, 16), grid=2, norm="batch"),
        input=Stack(DifferenceInput("grey"), length=2),
    ),
    "resnet": lambda: FrameEncoder(ResNet(18)),
    "resnet on differences": lambda: FrameEncoder(ResNet(18), input=DifferenceInput("rgb")),
    "flow": lambda: FrameEncoder(SmallNet(channels=4, stages=(8, 16)), input=FlowStack(2)),
    "flow both ways": lambda: FrameEncoder(
        SmallNet(channels=4, stages=(8, 16)), input=FlowStack(2, ways="both")
    ),
}


OF_CLIPS: dict[str, Callable[[], Encoder]] = {
    "slow fusion": lambda: ClipEncoder(SlowFusion("small", channels=1)),
    "late fusion in two streams": lambda: ClipEncoder(
        LateFusion("small", streams="both", norm="batch")
    ),
    "places of slow fusion": lambda: PlacesEncoder(
        ClipEncoder(SlowFusion("small", channels=1)), grid=2
    ),
    "c3d": lambda: ClipEncoder(C3D(size="small", norm="batch")),
    "inflated": lambda: ClipEncoder(Inflated(SmallNet(channels=1, stages=(8,)), frames=5)),
    "torchvision": lambda: ClipEncoder(TorchvisionVideo("mc3_18", frames=4)),
}


class LoopEncoder(Encoder):
    """A leaky integrator over time: its graph has one node per frame, and it has no steps."""

    def __init__(self, features: int = 4) -> None:
        super().__init__()
        self.widths = Widths(clip=features)
        self.project = nn.Linear(3, features)

    def forward(self, clip: Tensor) -> Features:
        state = clip.new_zeros(clip.shape[0], self.widths.clip, dtype=torch.float32)
        for frame in clip.to(torch.float32).mean((3, 4)).unbind(1):
            state = 0.5 * state + self.project(frame / 255).tanh()
        return Features(clip=state)


def saved(encoder: Encoder, run: Path, **origin: Any) -> Path:
    """Save an encoder in the folder of a run, as pretraining on clips of 8 frames does."""
    encoder.provenance = Provenance(frames=8, size=(SIZE, SIZE), **origin)
    encoder.eval().save(run / "encoder")
    return run
