"""Fine-tuning small enough to be done many times over."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.sampling import EvenClips, RandomClips
from selfvid.encoders.frame import FrameEncoder
from selfvid.finetuning.classifier import load_classifier
from selfvid.finetuning.command import finetune
from selfvid.finetuning.result import FinetuneResult
from selfvid.heads.average import Average
from selfvid.training.schedule import Training

PLAIN_SGD = {
    "steps": 4, "batch": 4, "warmup": 0, "optimiser": "sgd", "rate": 0.05, "momentum": 0.0,
    "weight_decay": 0.0, "checkpoint_every": 1,
}  # fmt: skip


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
