"""Runs small enough to be made many times over."""

import json
from pathlib import Path
from typing import Any

import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.digits.stream import DigitStream
from selfvid.encoders.base import load_encoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.vectors import FlatFrames
from selfvid.objectives.lstm_autoencoder import LSTMAutoencoder, OwnFrames
from selfvid.objectives.temporal_coherence import TemporalCoherence
from selfvid.pretraining.command import pretrain
from selfvid.training.checkpoints import step_of
from selfvid.training.schedule import Training

DIGITS = DigitStream(frames=6, digits=1, canvas=32)
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


def weights(run: Path, name: str = "encoder") -> dict[str, torch.Tensor]:
    return load_encoder(run / name).state_dict()


def forget_beyond(run: Path, step: int) -> None:
    """Leave the folder as a run killed a little after `step` leaves it."""
    for checkpoint in (run / "checkpoints").glob("step-*.ckpt"):
        if step_of(checkpoint) > step:
            checkpoint.unlink()
    for name in ("encoder", "summary.json", "finished.txt"):
        path = run / name
        for part in path.iterdir() if path.is_dir() else ():
            part.unlink()
        path.rmdir() if path.is_dir() else path.unlink()


def losses(run: Path) -> list[tuple[int, float]]:
    lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    return [(line["step"], line["loss"]) for line in lines if "loss" in line]


def run_on_digits(out: Path, **more: Any) -> Path:
    torch.manual_seed(0)
    encoder = LSTMEncoder(FlatFrames((32, 32)), hidden=8)
    objective = LSTMAutoencoder(
        encoder, future=2, conditional_future=True, own=OwnFrames(share=0.5, ramp=3)
    )
    training = Training(steps=4, batch=4, warmup=0, checkpoint_every=2, preview_every=4)
    return pretrain(
        more.pop("data", DIGITS),
        out,
        objective=objective,
        training=training,
        precision="float32",
        **more,
    )
