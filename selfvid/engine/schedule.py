"""How long, how fast and with what a run learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from lightly.models.utils import get_weight_decay_parameters
from lightly.utils.lars import LARS
from lightly.utils.scheduler import CosineWarmupScheduler
from pytorch_lightning.strategies import StrategyRegistry
from torch import nn

from selfvid.engine.precision import Accelerator, Precision
from selfvid.errors import InputError


@dataclass(frozen=True)
class Training:
    """Everything about a run that is neither data nor objective.

    Args:
        steps: optimiser steps of the whole run.
        batch: clips per step, over all processes and accumulated batches.
        accumulate: batches whose gradients are added up to one step.
        optimiser: which one.
        rate: peak learning rate.
        weight_decay: on weights, not on norms and biases.
        momentum: of SGD and LARS.
        warmup: steps in which the rate rises from zero; after them it falls as a cosine to zero.
        clip_norm: gradients are scaled down to this norm; None leaves them.
        average: decay of an exponential moving average of the weights, which is then what is
            saved as the encoder; None keeps the last weights.
        precision: auto is bfloat16 autocast where the hardware multiplies it natively.
        accelerator: auto, cpu, gpu or mps.
        devices: processes on this machine.
        strategy: of Lightning, for several processes.
        checkpoint_every: steps between checkpoints; the last two are kept.
        look_every: steps between collapse measures and pictures.
    """

    steps: int = 2000
    batch: int = 64
    accumulate: int = 1
    optimiser: Literal["adamw", "sgd", "lars"] = "adamw"
    rate: float = 1e-3
    weight_decay: float = 1e-4
    momentum: float = 0.9
    warmup: int = 100
    clip_norm: float | None = 1.0
    average: float | None = None
    precision: Precision = "auto"
    accelerator: Accelerator = "auto"
    devices: int = 1
    strategy: str = "auto"
    checkpoint_every: int = 500
    look_every: int = 250

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "accumulate", "devices", "checkpoint_every", "look_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.rate <= 0:
            raise InputError(f"rate must be positive, got {self.rate}")
        if self.weight_decay < 0:
            raise InputError(f"weight_decay must be 0 or more, got {self.weight_decay}")
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum must lie in 0..1, got {self.momentum}")
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise InputError(f"clip_norm must be positive or null, got {self.clip_norm}")
        if not 0 <= self.warmup <= self.steps:
            raise InputError(f"warmup must lie in 0..{self.steps} (steps), got {self.warmup}")
        if self.batch % self.accumulate:
            raise InputError(f"batch {self.batch} is no multiple of accumulate {self.accumulate}")
        strategies = ("auto", *StrategyRegistry.available_strategies())
        if self.strategy not in strategies:
            raise InputError(
                f"strategy {self.strategy!r} is unknown; expected one of {', '.join(strategies)}"
            )
        if self.average is not None and not 0 < self.average < 1:
            raise InputError(f"average must lie between 0 and 1, got {self.average}")


def make_optimiser(model: nn.Module, training: Training) -> torch.optim.Optimizer:
    """The optimiser over the weights that want gradients."""
    decayed, plain = get_weight_decay_parameters([model])
    groups = [
        {"params": [p for p in decayed if p.requires_grad], "weight_decay": training.weight_decay},
        {"params": [p for p in plain if p.requires_grad], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if training.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=training.rate)
    if training.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=training.rate, momentum=training.momentum)
    return LARS(groups, lr=training.rate, momentum=training.momentum)


def make_schedule(
    optimiser: torch.optim.Optimizer, training: Training
) -> torch.optim.lr_scheduler.LRScheduler:
    """Warm-up, then a cosine to zero; one call per optimiser step."""
    return CosineWarmupScheduler(optimiser, training.warmup, training.steps)
