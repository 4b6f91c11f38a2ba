"""One training step, as Lightning wants to be told it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from selfvid.data.clips.faults import FaultCounter
from selfvid.errors import InputError
from selfvid.objectives.base import Objective
from selfvid.training.batches import BatchStream
from selfvid.training.rates import UNIFORM, Rates
from selfvid.training.schedule import Training, make_optimiser, make_schedule
from selfvid.types import ClipBatch, Losses


class SeededTraining(LightningModule, ABC):
    """Optimiser, schedule and seeds of a run, whatever is learnt of whatever batches.

    Everything random is drawn from seeds that follow from the run's seed and the number of the
    batch, so that a resumed run draws what an uninterrupted one would have drawn.

    Args:
        training: optimiser and schedule.
        stream: which batch this is.
        seed: the run's seed.

    Attributes:
        losses: those of the latest batch.
        rates: how fast each part learns.
    """

    losses: Losses
    rates: Rates = UNIFORM

    def __init__(self, *, training: Training, stream: BatchStream, seed: int) -> None:
        super().__init__()
        self.training_plan = training
        self.stream = stream
        self.seed = seed

    @property
    @abstractmethod
    def learner(self) -> nn.Module:
        """What is trained."""

    def finished(self, videos: Sequence[str]) -> Tensor:
        """The latest batch counted, and its loss.

        Args:
            videos: what it was made of, for an error's message.

        Raises:
            InputError: where the loss is not finite.
        """
        if not torch.isfinite(self.losses.total):
            raise InputError(
                f"loss is {float(self.losses.total.detach())} at step {self.global_step}, videos "
                f"{', '.join(videos[:8])}; expected a finite one: lower the rate, "
                "the last checkpoint is kept"
            )
        self.stream.done += 1
        return self.losses.total

    def figures(self) -> dict[str, Tensor]:
        """What is worth writing down of the latest batch, by name."""
        return {"loss": self.losses.total} | self.losses.parts

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """The batch on the device; pixels stay uint8 on the way."""
        del dataloader_idx
        return batch.to(device)

    def configure_optimizers(self) -> Any:
        """The optimiser, and its schedule moved at every step."""
        optimiser = make_optimiser(self.learner, self.training_plan, self.rates)
        schedule = make_schedule(optimiser, self.training_plan)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def configure_gradient_clipping(self, *_: Any, **__: Any) -> None:
        """Clip by norm or by value.

        Lightning's own clipping refuses a fused optimiser, whose gradients a loss scaler might not
        have unscaled yet. No number format here needs such a scaler.
        """
        weights = self.learner.parameters()
        if self.training_plan.clip_norm is not None:
            nn.utils.clip_grad_norm_(weights, self.training_plan.clip_norm)
        elif self.training_plan.clip_value is not None:
            nn.utils.clip_grad_value_(weights, self.training_plan.clip_value)

    def _reseed(self, *place: int) -> None:
        seed = np.random.SeedSequence((self.seed, *place)).generate_state(1, np.uint64)[0]
        torch.manual_seed(int(seed) & (2**63 - 1))


class ClipTraining(SeededTraining):
    """Augments a batch of clips on the device and asks for its loss.

    Args:
        augment: what is done to clips first, or None.
        faults: counts clips that could not be read.
        more: as `SeededTraining` explains them.
    """

    def __init__(self, *, augment: nn.Module | None, faults: FaultCounter, **more: Any) -> None:
        super().__init__(**more)
        self.augment = augment
        self.faults = faults

    @abstractmethod
    def losses_of(self, clip: Tensor, batch: ClipBatch) -> Losses:
        """Losses of a batch whose pixels are `clip` by now."""

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        """Scalar loss of one batch."""
        del batch_idx
        draw = self.stream.draw
        self.faults.tally(batch)
        clip = batch.clip()
        if self.augment is not None:
            # Each process augments its own clips in its own way ...
            self._reseed(draw, 1 + self.global_rank)
            clip = self.augment(clip)
        # ... but what the loss draws is the same in all, since it sees all clips in each.
        self._reseed(draw, 0)
        self.losses = self.losses_of(clip, batch)
        return self.finished(batch.videos)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the count of clips that could not be read."""
        checkpoint["faults"] = self.faults.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on counting."""
        self.faults.load_state_dict(checkpoint["faults"])


class Pretraining(ClipTraining):
    """Trains an objective.

    Args:
        objective: what is trained.
        more: as `ClipTraining` explains them.
    """

    def __init__(self, objective: Objective, **more: Any) -> None:
        super().__init__(**more)
        self.objective = objective

    @property
    def learner(self) -> nn.Module:
        """The objective, with the encoder in it."""
        return self.objective

    def losses_of(self, clip: Tensor, batch: ClipBatch) -> Losses:
        """The objective's; there are no labels."""
        del batch
        losses: Losses = self.objective(clip)
        return losses
