"""What a person can look at while a run goes on: numbers, pictures, collapse measures."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from selfvid.engine.checkpoints import accumulating
from selfvid.engine.collapse import CollapseMeasures, measure_collapse
from selfvid.engine.module import Pretraining
from selfvid.engine.precision import Precision, autocast
from selfvid.engine.run_folder import RunFolder
from selfvid.objectives.base import Objective
from selfvid.pictures import write_png
from selfvid.types import ClipBatch

logger = logging.getLogger(__name__)

LOG_EVERY = 10


class Observer(Callback):
    """Writes the history, TensorBoard's events and previews, and watches for collapse.

    Args:
        run: where to write.
        objective: what is being trained.
        sample: fixed clips, several of each of some videos, to measure collapse on.
        every: optimiser steps between looks at the sample.
        precision: of the looks.

    Attributes:
        measures: the latest collapse measures.
        latest: the latest losses by name.
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
        self.run = run
        self.objective = objective
        self.sample = sample
        self.every = every
        self.precision = precision
        self.measures: CollapseMeasures | None = None
        self.latest: dict[str, float] = {}
        self._since = (0.0, 0)
        self._warned = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the logs; look at the encoder before it has learnt anything."""
        del pl_module
        self._since = (time.perf_counter(), trainer.global_step)
        if not trainer.is_global_zero:
            return
        self.events = SummaryWriter(str(self.run.tensorboard), purge_step=trainer.global_step + 1)
        if trainer.global_step == 0:
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
        del outputs, batch_idx
        if accumulating(trainer) or not trainer.is_global_zero:
            return
        step = trainer.global_step
        last = step == trainer.max_steps
        if step % LOG_EVERY == 0 or last:
            assert isinstance(pl_module, Pretraining)
            losses = pl_module.losses
            parts = {"loss": losses.total} | losses.parts
            self.latest = {name: float(part.detach()) for name, part in parts.items()}
            clips = len(batch) * trainer.accumulate_grad_batches * trainer.world_size
            self._log(step, self.latest | self._speed(trainer, step, clips))
        if step % self.every == 0 or last:
            self._look(step)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Close the logs."""
        del trainer, pl_module, stage
        self._close()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Close the logs: after an error Lightning calls no teardown."""
        del trainer, pl_module, exception
        self._close()

    def _close(self) -> None:
        if hasattr(self, "events"):
            self.events.close()

    def _speed(self, trainer: Trainer, step: int, clips: int) -> dict[str, float]:
        now = time.perf_counter()
        before, since = self._since
        self._since = (now, step)
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        return {"rate": rate, "clips_per_second": (step - since) * clips / (now - before)}

    @torch.no_grad()
    def _look(self, step: int) -> None:
        device = next(self.objective.parameters()).device
        was_training = self.objective.training
        self.objective.eval()
        # Previews may draw random numbers; a look must not change what training draws next.
        with torch.random.fork_rng(enabled=True), autocast(self.precision, device):
            frames = self.sample.frames.to(device)
            shown = frames[:, : self.objective.shown(frames.shape[1])]
            vectors = torch.cat([self.objective.encoder(part).clip for part in shown.split(32)])
            pictures = self.objective.preview(frames[:: max(1, len(frames) // 12)])
        self.objective.train(was_training)
        self.measures = measure_collapse(vectors, list(self.sample.videos))
        self._log(step, self.measures.as_dict())
        if step and self.measures.collapsed and not self._warned:
            self._warned = True
            logger.warning("step %d: %s", step, self.measures.words())
        for name, picture in pictures.items():
            self._show(name, picture.cpu(), step)

    def _log(self, step: int, values: dict[str, float]) -> None:
        with self.run.history.open("a") as history:
            history.write(json.dumps({"step": step, **values}) + "\n")
        for name, value in values.items():
            self.events.add_scalar(name, value, step)

    def _show(self, name: str, picture: Tensor, step: int) -> None:
        self.events.add_image(name, picture, step)
        write_png(picture.permute(1, 2, 0).numpy(), self.run.pictures / f"{name}-{step:08d}.png")
