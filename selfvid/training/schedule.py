"""How long, how fast and with what a run learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from lightly.models.utils import get_weight_decay_parameters
from lightly.utils.lars import LARS
from lightly.utils.scheduler import CosineWarmupScheduler
from pytorch_lightning.strategies import StrategyRegistry
from torch import nn

from selfvid.errors import InputError
from selfvid.training.clamped_sgd import ClampedSGD
from selfvid.training.rates import UNIFORM, Rates


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
        staircase: factor and steps, in place of the cosine: every so many steps the rate is
            multiplied by the factor.
        milestones: steps, in place of the cosine, at each of which the rate is divided by ten.
        clip_norm: gradients are scaled down to this norm; None leaves them.
        clip_value: each element of a gradient is clamped to this, instead.
        clip_update: each element of an update of SGD is clamped to this, momentum and rate
            included, as Srivastava et al. (2015) do; None leaves them.
        average: decay of an exponential moving average of the weights, which is then what is
            saved as the encoder; None keeps the last weights.
        compiled: have torch.compile make one program of the loss: minutes at the start, then
            faster steps, recurrent objectives' above all.
        devices: processes on this machine.
        strategy: of Lightning, for several processes.
        checkpoint_every: steps between checkpoints; the last two are kept.
        preview_every: steps between collapse measures and pictures, of pretraining.
    """

    steps: int = 2000
    batch: int = 64
    accumulate: int = 1
    optimiser: Literal["adamw", "sgd", "lars", "rmsprop"] = "adamw"
    rate: float = 1e-3
    weight_decay: float = 1e-4
    momentum: float = 0.9
    warmup: int = 100
    staircase: tuple[float, int] | None = None
    milestones: tuple[int, ...] | None = None
    clip_norm: float | None = 1.0
    clip_value: float | None = None
    clip_update: float | None = None
    average: float | None = None
    compiled: bool = False
    devices: int = 1
    strategy: str = "auto"
    checkpoint_every: int = 500
    preview_every: int = 250

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "batch",
            "accumulate",
            "devices",
            "checkpoint_every",
            "preview_every",
        ):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.rate <= 0:
            raise InputError(f"rate must be positive, got {self.rate}")
        if self.weight_decay < 0:
            raise InputError(f"weight_decay must be 0 or more, got {self.weight_decay}")
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum must lie in 0..1, got {self.momentum}")
        self._check_clipping()
        if self.staircase is not None and not (self.staircase[0] > 0 and self.staircase[1] >= 1):
            raise InputError(
                f"staircase must be a positive factor and 1 or more steps, got {self.staircase}"
            )
        if self.milestones is not None and self.staircase is not None:
            raise InputError(
                f"milestones are {list(self.milestones)} and staircase {list(self.staircase)}; "
                "expected one of them to be null"
            )
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

    def _check_clipping(self) -> None:
        for name in ("clip_norm", "clip_value", "clip_update"):
            bound = getattr(self, name)
            if bound is not None and bound <= 0:
                raise InputError(f"{name} must be positive or null, got {bound}")
        if self.clip_norm is not None and self.clip_value is not None:
            raise InputError(
                f"clip_norm is {self.clip_norm} and clip_value {self.clip_value}; expected one of "
                "them to be null"
            )
        if self.clip_update is not None and self.optimiser != "sgd":
            raise InputError(
                f"clip_update is {self.clip_update} but optimiser {self.optimiser!r}; expected sgd"
            )


def make_optimiser(
    model: nn.Module, training: Training, rates: Rates = UNIFORM
) -> torch.optim.Optimizer:
    """The optimiser over the weights that want gradients.

    Args:
        model: whose weights.
        training: which optimiser.
        rates: how much faster or slower than `training.rate` each part of the model learns.
    """
    decayed, plain = get_weight_decay_parameters([model])
    groups = [
        {"params": members, "weight_decay": decay, "lr": training.rate * factor}
        for parameters, decay in ((decayed, training.weight_decay), (plain, 0.0))
        for factor, members in rates.parted(model, parameters).items()
    ]
    if training.optimiser == "adamw":
        # Fused: one pass over the memory of weights and moments, far faster on a CPU.
        return torch.optim.AdamW(groups, lr=training.rate, fused=True)
    if training.optimiser == "rmsprop":
        return torch.optim.RMSprop(groups, lr=training.rate)
    if training.clip_update is not None:
        return ClampedSGD(
            groups, lr=training.rate, bound=training.clip_update, momentum=training.momentum
        )
    if training.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=training.rate, momentum=training.momentum)
    return LARS(groups, lr=training.rate, momentum=training.momentum)


def make_schedule(
    optimiser: torch.optim.Optimizer, training: Training
) -> torch.optim.lr_scheduler.LRScheduler:
    """Warm-up, then a cosine to zero or a staircase; one call per optimiser step."""
    decay = _steps_down(training)
    if decay is not None:

        def scale(step: int) -> float:
            return min(1.0, (step + 1) / (training.warmup + 1)) * decay(step)

        return torch.optim.lr_scheduler.LambdaLR(optimiser, scale)
    return CosineWarmupScheduler(optimiser, training.warmup, training.steps)


def _steps_down(training: Training) -> Callable[[int], float] | None:
    """The factor of the rate at a step, where it falls in steps; None for a cosine."""
    if training.milestones is not None:
        milestones = training.milestones
        return lambda step: float(0.1 ** sum(step >= mark for mark in milestones))
    if training.staircase is not None:
        factor, every = training.staircase
        return lambda step: float(factor ** (step // every))
    return None
