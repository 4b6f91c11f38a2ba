"""Previews of a pretraining run: losses, pictures and collapse measures while it trains."""

from __future__ import annotations

import dataclasses
import json
import logging
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor

from selfvid.compute import Precision, autocast
from selfvid.errors import NotFinite
from selfvid.objectives.base import Objective
from selfvid.pictures import write_png
from selfvid.pretraining.collapse import CollapseMeasures, measure_collapse
from selfvid.training.checkpoints import accumulating
from selfvid.training.history import SPEEDS, History
from selfvid.training.run_folder import RunFolder
from selfvid.types import ClipBatch

logger = logging.getLogger(__name__)

_AT_ONCE = 32  # clips that the encoder gets together: enough to be fast, little memory
_PICTURED = 12  # clips in a picture, at least; twice as many would be too small to recognise


class Previews(History):
    """Callback that writes the log and previews, and warns if the encoder collapses.

    Args:
        run: the run's folder.
        objective: the objective that is trained.
        sample: fixed clips to measure collapse on, several from each of some videos.
        every: optimiser steps between two previews.
        precision: the number format to compute previews in.

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
        """Open the logs and make a preview of the untrained encoder."""
        super().on_train_start(trainer, pl_module)
        if trainer.is_global_zero and trainer.global_step == 0:
            self._preview(0)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: ClipBatch,
        batch_idx: int,
    ) -> None:
        """Log the losses and make a preview if a step was made and they are due."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        step = trainer.global_step
        due = step % self.every == 0 or step == trainer.max_steps
        if due and trainer.is_global_zero and not accumulating(trainer):
            self._preview(step)

    def recall(self) -> None:
        """Read losses and measures of the last step from the history.

        A run that was stopped after its last step is resumed without another step.
        """
        noted: dict[str, float] = {}
        for line in self.history.read_text(encoding="utf-8").splitlines():
            noted |= json.loads(line)
        names = [field.name for field in dataclasses.fields(CollapseMeasures)]
        if all(name in noted for name in names):
            self.measures = CollapseMeasures(**{name: noted[name] for name in names})
        others = {"step", *names, *SPEEDS}
        self.latest = {name: value for name, value in noted.items() if name not in others}

    @torch.no_grad()
    def _preview(self, step: int) -> None:
        """Measure collapse on the sample and write the objective's pictures."""
        device = next(self.objective.parameters()).device
        was_training = self.objective.training
        self.objective.eval()
        # Previews may draw random numbers; this must not change what training draws next.
        with torch.random.fork_rng(enabled=True), autocast(self.precision, device):
            clips = self.sample.to(device).clip()  # (B, T, C, H, W)
            shown = clips[:, : self.objective.shown(clips.shape[1])]
            parts = shown.split(_AT_ONCE)
            vectors = torch.cat([self.objective.encoder(part).clip for part in parts])  # (B, D)
            pictures = self.objective.preview(clips[:: max(1, len(clips) // _PICTURED)])
        self.objective.train(was_training)
        if not torch.isfinite(vectors).all():
            raise NotFinite(
                f"vectors of the sample are not finite at step {step}; expected finite ones"
            )
        self.measures = measure_collapse(vectors, list(self.sample.videos))
        self.note(step, self.measures.as_dict())
        if step and self.measures.collapsed and not self._warned:
            self._warned = True
            logger.warning("step %d: %s", step, self.measures.words())
        for name, picture in pictures.items():
            self._write_picture(name, picture.cpu(), step)

    def _write_picture(self, name: str, picture: Tensor, step: int) -> None:
        with self.optional_log() as events:
            if events is not None:
                events.add_image(name, picture, step)
        pixels = picture.permute(1, 2, 0)  # (H, W, 3)
        write_png(pixels.numpy(), self.run.pictures / f"{name}-{step:08d}.png")
