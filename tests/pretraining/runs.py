"""Runs small enough to be made many times over."""

from pathlib import Path
from typing import Any

import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.sampling import RandomClips
from selfvid.encoders.frame import FrameEncoder
from selfvid.objectives.temporal_coherence import TemporalCoherence
from selfvid.pretraining.command import pretrain
from selfvid.training.schedule import Training

PLAN = {"steps": 6, "batch": 8, "warmup": 2, "checkpoint_every": 2, "preview_every": 3}


def tiny_objective(seed: int = 0) -> TemporalCoherence:
    torch.manual_seed(seed)
    backbone = SmallNet(channels=1, stages=(8, 16), activation="tanh")
    return TemporalCoherence(FrameEncoder(backbone), margin=4.0)


def tiny_run(manifest: Path, out: Path, *, plan: dict[str, Any] | None = None, **more: Any) -> Path:
    arguments: dict[str, Any] = {
        "objective": tiny_objective(),
        "clips": RandomClips(frames=2),
        "size": 32,
        "augment": Augmentation(crop=0.2),
        "training": Training(**{**PLAN, **(plan or {})}),
        "workers": 0,
        "precision": "float32",
        **more,
    }
    return pretrain(manifest, out, **arguments)
