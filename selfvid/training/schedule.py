"""The training settings of a run, and the optimiser and learning rate schedule made from them."""

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

# Settings that must be 1 or more.
_COUNTS = ("steps", "batch", "accumulate", "devices", "checkpoint_every", "preview_every")


@dataclass(frozen=True)
class Training:
    """The settings of a training that concern neither the data nor the objective.

    Args:
        steps: optimiser steps of the whole run.
        batch: clips per step, over all processes and accumulated batches.
        accumulate: number of batches whose gradients are summed for one step.
        optimiser: name of the optimiser.
        rate: peak learning rate.
        weight_decay: weight decay; it does not apply to norms and biases.
        momentum: momentum of SGD and LARS.
        warmup: steps in which the rate rises from zero, or, below 1, their share of all steps.
            Afterwards the rate falls to zero as a cosine.
        staircase: a factor and a number of steps, instead of the cosine: each time that many
            steps are done, the rate is multiplied by the factor.
        milestones: steps, instead of the cosine; at each of them the rate is divided by ten.
        clip_norm: largest norm of the gradients; larger ones are scaled down. None does not clip.
        clip_value: largest absolute value of an element of a gradient, instead of a norm.
        clip_update: largest absolute value of an element of an update of SGD, with momentum and
            rate included, after Srivastava et al. (2015). None does not clip.
        average: decay of an exponential moving average of the weights. If it is given, the
            averaged weights are saved as the encoder, otherwise the last weights.
        compiled: compile the network and its loss with torch.compile. This takes minutes at the
            start and makes the steps faster, those of recurrent networks on a GPU most.
        devices: number of devices of this machine to train on; each has its own process.
        strategy: Lightning's strategy for several processes.
        checkpoint_every: steps between two checkpoints; the last two are kept.
        preview_every: steps between two collapse measurements and previews, in pretraining.
    """

    steps: int = 2000
    batch: int = 64
    accumulate: int = 1
    optimiser: Literal["adamw", "sgd", "lars", "rmsprop"] = "adamw"
    rate: float = 1e-3
    weight_decay: float = 1e-4
    momentum: float = 0.9
    warmup: int | float = 0.05
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
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        self._check_optimiser()
        self._check_clipping()
        self._check_schedule()
        if self.batch % self.accumulate:
            raise InputError(f"batch {self.batch} is no multiple of accumulate {self.accumulate}")
        strategies = ("auto", *StrategyRegistry.available_strategies())
        if self.strategy not in strategies:
            raise InputError(
                f"strategy {self.strategy!r} is unknown; expected one of {', '.join(strategies)}"
            )

    def _check_optimiser(self) -> None:
        if self.rate <= 0:
            raise InputError(f"rate must be positive, got {self.rate}")
        if self.weight_decay < 0:
            raise InputError(f"weight_decay must be 0 or more, got {self.weight_decay}")
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum must lie in 0..1, got {self.momentum}")
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

    def _check_schedule(self) -> None:
        if self.staircase is not None and not (self.staircase[0] > 0 and self.staircase[1] >= 1):
            raise InputError(
                f"staircase must be a positive factor and 1 or more steps, got {self.staircase}"
            )
        if self.milestones is not None and self.staircase is not None:
            raise InputError(
                f"milestones are {list(self.milestones)} and staircase {list(self.staircase)}; "
                "expected one of them to be null"
            )
        if not 0 <= self.warmup <= self.steps or (self.warmup > 1 and self.warmup % 1):
            raise InputError(
                f"warmup must lie in 0..{self.steps} (the steps of the run) or be a share of them "
                f"below 1, got {self.warmup}; set it with --training.warmup"
            )

    @property
    def warmup_steps(self) -> int:
        """The steps of the warm-up, whether they are given as a number or as a share."""
        return round(self.warmup * self.steps) if self.warmup < 1 else int(self.warmup)


def make_optimiser(
    model: nn.Module, training: Training, rates: Rates = UNIFORM
) -> torch.optim.Optimizer:
    """Return the optimiser of the model's trainable weights.

    Args:
        model: the model.
        training: the settings of the optimiser.
        rates: factors of `training.rate` for parts of the model.
    """
    decayed, plain = get_weight_decay_parameters([model])
    groups = [
        {"params": members, "weight_decay": decay, "lr": training.rate * factor}
        for parameters, decay in ((decayed, training.weight_decay), (plain, 0.0))
        for factor, members in rates.parted(model, parameters).items()
    ]
    if training.optimiser == "adamw":
        # Fused: one pass over the memory of weights and moments, much faster on a CPU.
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
    """Return the learning rate schedule: a warm-up, then a cosine to zero or steps down.

    The schedule's ``step`` is called once per optimiser step.
    """
    decay = _steps_down(training)
    if decay is not None:

        def scale(step: int) -> float:
            return min(1.0, (step + 1) / (training.warmup_steps + 1)) * decay(step)

        return torch.optim.lr_scheduler.LambdaLR(optimiser, scale)
    return CosineWarmupScheduler(optimiser, training.warmup_steps, training.steps)


def _steps_down(training: Training) -> Callable[[int], float] | None:
    """Return the rate's factor as a function of the step, or None if it falls as a cosine."""
    if training.milestones is not None:
        milestones = training.milestones
        return lambda step: float(0.1 ** sum(step >= mark for mark in milestones))
    if training.staircase is not None:
        factor, every = training.staircase
        return lambda step: float(factor ** (step // every))
    return None
