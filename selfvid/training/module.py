"""Lightning modules: one training step with its optimiser, schedule and seeds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.faults import FaultCounter
from selfvid.errors import NotFinite
from selfvid.objectives.base import Objective
from selfvid.training.batches import BatchStream
from selfvid.training.rates import UNIFORM, Rates
from selfvid.training.schedule import Training, make_optimiser, make_schedule
from selfvid.types import ClipBatch, Losses


class SeededTraining(LightningModule, ABC):
    """Base class of all training steps: optimiser, schedule and seeds of a run.

    All random numbers are drawn from seeds that depend on the run's seed and the number of the
    batch alone. A resumed run therefore draws the same numbers as an uninterrupted one.

    Args:
        training: optimiser and schedule.
        stream: the batch stream; it counts the finished batches.
        seed: the run's seed.

    Attributes:
        losses: the losses of the latest batch.
        rates: factors of the learning rate for parts of the model.
        paths: path of each video by its content id, for error messages.
    """

    losses: Losses
    rates: Rates = UNIFORM
    paths: Mapping[str, str] = MappingProxyType({})

    def __init__(self, *, training: Training, stream: BatchStream, seed: int) -> None:
        super().__init__()
        self.training_plan = training
        self.stream = stream
        self.seed = seed

    @property
    @abstractmethod
    def learner(self) -> nn.Module:
        """The module whose weights are trained."""

    @property
    def compiled_part(self) -> nn.Module:
        """The module that a training step calls as a whole, for compiling it."""
        return self.learner

    def finished(self, videos: Sequence[str]) -> Tensor:
        """Count the latest batch as finished and return its loss.

        Args:
            videos: content ids of the batch's videos, for the error message.

        Raises:
            NotFinite: If the loss is not finite.
        """
        if not torch.isfinite(self.losses.total):
            named = ", ".join(self.paths.get(video, video) for video in videos[:8])
            raise NotFinite(
                f"loss is {float(self.losses.total.detach())} at step {self.global_step}, videos "
                f"{named}; expected a finite one"
            )
        self.stream.done += 1
        return self.losses.total

    def figures(self) -> dict[str, Tensor]:
        """Return the named losses of the latest batch, for the log."""
        return {"loss": self.losses.total} | self.losses.parts

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Return the batch on the device; pixels are transferred as uint8."""
        del dataloader_idx
        return batch.to(device)

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule, which advances at every step."""
        optimiser = make_optimiser(self.learner, self.training_plan, self.rates)
        schedule = make_schedule(optimiser, self.training_plan)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def configure_gradient_clipping(self, *_: Any, **__: Any) -> None:
        """Check that the gradients are finite, and clip them as the training settings say.

        A loss may be finite where its gradient is not, as that of a root is at zero. The step is
        then not made, so that no checkpoint has weights that are not finite.

        Lightning's own clipping refuses fused optimisers, because a loss scaler may not have
        unscaled their gradients yet. No number format used here needs a loss scaler.

        Raises:
            NotFinite: If a gradient is not finite.
        """
        weights = list(self.learner.parameters())
        norm = nn.utils.get_total_norm([w.grad for w in weights if w.grad is not None])
        if not torch.isfinite(norm):
            raise NotFinite(
                f"gradients are {float(norm)} at step {self.global_step}; expected finite ones"
            )
        if self.training_plan.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(weights, self.training_plan.clip_norm, norm)
        elif self.training_plan.clip_value is not None:
            nn.utils.clip_grad_value_(weights, self.training_plan.clip_value)

    def _reseed(self, *place: int) -> None:
        """Seed PyTorch with a hash of the run's seed and `place`."""
        seed = np.random.SeedSequence((self.seed, *place)).generate_state(1, np.uint64)[0]
        torch.manual_seed(int(seed) & (2**63 - 1))


class ClipTraining(SeededTraining):
    """A training step on a batch of clips: augment the clips on the device, compute the losses.

    Args:
        augment: the augmentation of the clips, or None.
        faults: counter of the clips that could not be read.
        more: arguments of `SeededTraining`.
    """

    def __init__(self, *, augment: nn.Module | None, faults: FaultCounter, **more: Any) -> None:
        super().__init__(**more)
        self.augment = augment
        self.faults = faults

    @abstractmethod
    def losses_of(self, clip: Tensor, batch: ClipBatch) -> Losses:
        """Return the losses of a batch.

        Args:
            clip: the clips after augmentation, (B, T, C, H, W).
            batch: the batch that they come from, with its labels, and with the flow between the
                augmented frames if it has any.
        """

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        """Return the scalar loss of one batch."""
        del batch_idx
        draw = self.stream.draw
        self.faults.tally(batch)
        clip = batch.clip()  # (B, T, C, H, W)
        if self.augment is not None:
            # Each process draws its own augmentations for its own clips.
            self._reseed(draw, 1 + self.global_rank)
            if batch.flow is None:
                clip = self.augment(clip)
            else:
                clip, flow = cast("Augmentation", self.augment).with_flow(clip, batch.flow)
                batch = replace(batch, flow=flow)
        # The loss draws the same numbers in all processes, because it compares clips across them.
        self._reseed(draw, 0)
        self.losses = self.losses_of(clip, batch)
        return self.finished(batch.videos)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the number of clips that could not be read."""
        checkpoint["faults"] = self.faults.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the number of clips that could not be read."""
        self.faults.load_state_dict(checkpoint["faults"])


class Pretraining(ClipTraining):
    """A training step of an objective, without labels.

    Args:
        objective: the objective, with the encoder in it.
        more: arguments of `ClipTraining`.
    """

    def __init__(self, objective: Objective, **more: Any) -> None:
        super().__init__(**more)
        self.objective = objective

    @property
    def learner(self) -> nn.Module:
        """The objective, with the encoder in it."""
        return self.objective

    def losses_of(self, clip: Tensor, batch: ClipBatch) -> Losses:
        """Return the objective's losses."""
        given = (clip, batch.flow) if self.objective.needs_flow else (clip,)
        losses: Losses = self.objective(*given)
        return losses
