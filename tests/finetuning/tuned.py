"""Fine-tuning runs that are small enough to be made many times."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from selfvid.backbones.inflated import Inflated
from selfvid.backbones.small import SmallNet
from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.clips.sampling import EvenClips, RandomClips
from selfvid.encoders.base import Encoder
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.conv_lstm import ConvLSTMEncoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import PixelInput
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.encoders.vectors import FlatFrames
from selfvid.finetuning.classifier import load_classifier
from selfvid.finetuning.command import finetune
from selfvid.finetuning.result import FinetuneResult
from selfvid.finetuning.settings import FinetuneSettings
from selfvid.heads.average import Average
from selfvid.heads.base import HeadFactory
from selfvid.heads.conv3d_lstm import Conv3dLSTM
from selfvid.heads.gru_rcn import GRURCN
from selfvid.heads.lrcn import LRCN
from selfvid.training.clips import ClipReading
from selfvid.training.rates import Rates
from selfvid.training.schedule import Training

PLAIN_SGD = {
    "steps": 4, "batch": 4, "warmup": 0, "optimiser": "sgd", "rate": 0.05, "momentum": 0.0,
    "weight_decay": 0.0, "checkpoint_every": 1,
}  # fmt: skip

PLAN = {"steps": 2, "batch": 4, "warmup": 0, "checkpoint_every": 1}
ENCODERS: dict[str, Callable[[], Encoder]] = {
    "frame": lambda: FrameEncoder(SmallNet(channels=1, stages=(8, 8))),
    "lstm": lambda: LSTMEncoder(FlatFrames((32, 32)), hidden=6),
    "conv lstm": lambda: ConvLSTMEncoder(
        SmallNet(channels=1, stages=(8,)), hidden=4, kernel=3, input=PixelInput("grey")
    ),
    "clip": lambda: ClipEncoder(Inflated(SmallNet(channels=1, stages=(8,)), frames=4)),
    "sliding": lambda: SlidingEncoder(
        ClipEncoder(Inflated(SmallNet(channels=1, stages=(8,)), frames=2)), maps=True
    ),
}
HEADS: dict[str, HeadFactory] = {
    "average": Average,
    "lrcn": partial(LRCN, hidden=5),
    "gru-rcn": partial(GRURCN, vector=False),
    "conv3d-lstm": partial(Conv3dLSTM, hidden=5),
}


def tanh_encoder() -> FrameEncoder:
    """Frames to six numbers, without a norm that would mix the clips of a batch."""
    torch.manual_seed(0)
    backbone = SmallNet(channels=1, stages=(8, 8), norm="none", activation="tanh", features=6)
    return FrameEncoder(backbone)


def tuned(
    manifest: Path, out: Path, *, frames: int, plan: dict[str, Any], **more: Any
) -> FinetuneResult:
    torch.manual_seed(0)
    arguments: dict[str, Any] = {
        "head": Average,
        "label": "direction",
        "clips": RandomClips(frames=frames),
        "views": EvenClips(frames=frames, clips=2),
        "size": 32,
        "training": Training(**plan),
        "workers": 0,
        "precision": "float32",
        "quiet": True,
    }
    return finetune(manifest, out, **{**arguments, **more})


def weights(folder: Path) -> dict[str, Tensor]:
    """Those of a run's classifier, and of its second head where it has one."""
    found = dict(load_classifier(folder).classifier.state_dict())
    if (folder / "second_head").is_dir():
        second = load_classifier(folder, head="second_head").classifier.head
        found |= {f"second_head.{name}": value for name, value in second.state_dict().items()}
    return found


def same(first: Path, second: Path) -> bool:
    """Whether two runs ended with the same weights, to the bit."""
    ours, theirs = weights(first), weights(second)
    assert set(ours) == set(theirs)
    return all(torch.equal(theirs[name], value) for name, value in ours.items())


def small(kind: str = "frame") -> Encoder:
    torch.manual_seed(0)
    return ENCODERS[kind]()


def small_run(
    manifest: Path, out: Path, *, plan: dict[str, Any] | None = None, **more: Any
) -> FinetuneResult:
    whole = {**PLAN, **(plan or {})}
    return tuned(manifest, out, frames=4, plan=whole, **{"encoder": small(), **more})


def history(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def settings_of(
    manifest: Path | str = "videos.csv", *, size: int | None = 32, **more: Any
) -> FinetuneSettings:
    """Settings of a run of eight classes, for tests that train nothing."""
    encoder = more.pop("encoder", None) or tanh_encoder()
    head = more.pop("head", None) or Average(encoder.widths, 8)
    reading = ClipReading.of(
        size=size, flow=more.pop("flow", None), decoder="auto", decoded=None, workers=0,
        faults=more.pop("faults", FaultPolicy()),
    )  # fmt: skip
    arguments: dict[str, Any] = {
        "data": str(manifest), "out": "run", "init": None, "label": "direction",
        "clips": RandomClips(frames=2), "views": EvenClips(frames=2, clips=2), "crop": None,
        "augment": None, "training": Training(batch=4), "balanced": False, "coherence": None,
        "cache": None, "cache_folder": None, "second": None, "second_head": None,
        "device": "cpu", "precision": "float32", "seed": 0,
    }  # fmt: skip
    rates = Rates(more.pop("rates", {}))
    return FinetuneSettings(
        encoder=encoder, head=head, reading=reading, rates=rates, **{**arguments, **more}
    )


def without_speed(run: Path) -> list[dict[str, float]]:
    """The history without the speed, which differs between equal runs."""
    lines = history(run)
    for line in lines:
        del line["clips_per_second"]
    return lines
