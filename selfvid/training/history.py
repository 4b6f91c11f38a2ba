"""The log of a run while it trains: a file of losses and speeds, and TensorBoard events."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch.utils.tensorboard import SummaryWriter

from selfvid.saving.full_disk import full_disk, writing
from selfvid.training.checkpoints import accumulating
from selfvid.training.module import SeededTraining

logger = logging.getLogger(__name__)

SPEEDS = ("rate", "clips_per_second")  # what a line says besides the losses
LOG_EVERY = 10  # steps: enough points for a curve, and reading the loss does not slow training


class History(Callback):
    """Callback that logs losses, learning rate and speed every `LOG_EVERY` steps.

    Args:
        history: the log file, with one JSON object per line.
        tensorboard: folder of the TensorBoard events.
        updates: number of optimiser updates that make up one step of the run.

    Attributes:
        latest: the latest losses by name.
    """

    def __init__(self, history: Path, tensorboard: Path, *, updates: int = 1) -> None:
        self.history = history
        self.tensorboard = tensorboard
        self.updates = updates
        self.latest: dict[str, float] = {}
        self.events: SummaryWriter | None = None
        self._since, self._clips = 0.0, 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the TensorBoard log and start the clock."""
        del pl_module
        self._since, self._clips = time.perf_counter(), 0
        if trainer.is_global_zero:
            done = trainer.global_step // self.updates
            with self.optional_log():
                self.events = SummaryWriter(str(self.tensorboard), purge_step=done + 1)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Log the losses if a step was made and a log entry is due."""
        del outputs, batch_idx
        self._clips += len(batch) * trainer.world_size
        step, unfinished = divmod(trainer.global_step, self.updates)
        if unfinished or accumulating(trainer) or not trainer.is_global_zero:
            return
        if step % LOG_EVERY == 0 or trainer.global_step == trainer.max_steps:
            assert isinstance(pl_module, SeededTraining)
            figures = pl_module.figures()
            self.latest = {name: float(value.detach()) for name, value in figures.items()}
            self.note(step, self.latest | self._speed(trainer))

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

    def note(self, step: int, values: dict[str, float]) -> None:
        """Write named numbers of a step to both logs."""
        with writing(self.history), self.history.open("a") as history:
            history.write(json.dumps({"step": step, **values}) + "\n")
        with self.optional_log() as events:
            if events is not None:
                for name, value in values.items():
                    events.add_scalar(name, value, step)

    def _close(self) -> None:
        with self.optional_log() as events:
            if events is not None:
                events.close()

    @contextmanager
    def optional_log(self) -> Iterator[SummaryWriter | None]:
        """Context manager that gives TensorBoard's log up after its first error.

        The log repeats the history, and no run needs it.
        """
        try:
            yield self.events
        except Exception as error:
            self.events = None
            cause = full_disk(error) or str(error) or type(error).__name__
            logger.warning(
                "TensorBoard's log in %s ends here (%s); the run goes on", self.tensorboard, cause
            )

    def _speed(self, trainer: Trainer) -> dict[str, float]:
        now, clips = time.perf_counter(), self._clips
        seconds = now - self._since
        self._since, self._clips = now, 0
        rate = max(group["lr"] for group in trainer.optimizers[0].param_groups)
        return dict(zip(SPEEDS, (rate, clips / seconds), strict=True))
