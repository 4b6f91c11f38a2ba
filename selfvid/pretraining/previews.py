"""What a person can look at while a run goes on: numbers, pictures, collapse measures."""

from __future__ import annotations

import logging
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor

from selfvid.compute import Precision, autocast
from selfvid.objectives.base import Objective
from selfvid.pictures import write_png
from selfvid.pretraining.collapse import CollapseMeasures, measure_collapse
from selfvid.training.checkpoints import accumulating
from selfvid.training.history import History
from selfvid.training.run_folder import RunFolder
from selfvid.types import ClipBatch

logger = logging.getLogger(__name__)


class Previews(History):
    """Writes the history, TensorBoard's events and previews, and watches for collapse.

    Args:
        run: where to write.
        objective: what is being trained.
        sample: fixed clips, several of each of some videos, to measure collapse on.
        every: optimiser steps between looks at the sample.
        precision: of the looks.

    Attributes:
        measures: the latest collapse measures.
    """

    def __init__(
        self,
        run: RunFolder,
        objective: Objective,
        *,
        sample: ClipBatch,
        every: int,
        precision: Precision,
    ) -> None:
        super().__init__(run.history, run.tensorboard)
        self.run = run
        self.objective = objective
        self.sample = sample
        self.every = every
        self.precision = precision
        self.measures: CollapseMeasures | None = None
        self._warned = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the logs; look at the encoder before it has learnt anything."""
        super().on_train_start(trainer, pl_module)
        if trainer.is_global_zero and trainer.global_step == 0:
            self._look(0)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: ClipBatch,
        batch_idx: int,
    ) -> None:
        """Log and look where a step was made and it is time."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        step = trainer.global_step
        due = step % self.every == 0 or step == trainer.max_steps
        if due and trainer.is_global_zero and not accumulating(trainer):
            self._look(step)

    @torch.no_grad()
    def _look(self, step: int) -> None:
        device = next(self.objective.parameters()).device
        was_training = self.objective.training
        self.objective.eval()
        # Previews may draw random numbers; a look must not change what training draws next.
        with torch.random.fork_rng(enabled=True), autocast(self.precision, device):
            frames = self.sample.to(device).clip()
            shown = frames[:, : self.objective.shown(frames.shape[1])]
            vectors = torch.cat([self.objective.encoder(part).clip for part in shown.split(32)])
            pictures = self.objective.preview(frames[:: max(1, len(frames) // 12)])
        self.objective.train(was_training)
        self.measures = measure_collapse(vectors, list(self.sample.videos))
        self.note(step, self.measures.as_dict())
        if step and self.measures.collapsed and not self._warned:
            self._warned = True
            logger.warning("step %d: %s", step, self.measures.words())
        for name, picture in pictures.items():
            self._show(name, picture.cpu(), step)

    def _show(self, name: str, picture: Tensor, step: int) -> None:
        self.events.add_image(name, picture, step)
        write_png(picture.permute(1, 2, 0).numpy(), self.run.pictures / f"{name}-{step:08d}.png")
