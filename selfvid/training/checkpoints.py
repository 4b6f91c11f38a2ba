"""Checkpoints that are written completely or not at all, and stopping a run without losing work."""

from __future__ import annotations

import logging
import signal
import threading
import zipfile
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from selfvid.errors import InputError, NotFinite
from selfvid.saving.whole import replacing
from selfvid.signals import SIGNALS, Stopped, handler_of
from selfvid.training.module import SeededTraining

logger = logging.getLogger(__name__)

_RATE = "rate"  # key of a checkpoint
KEPT = 2  # checkpoints of a run: if the newest is damaged, the run resumes from the one before


class Interrupted(Exception):
    """Raised when a signal ended a run; the run was saved first and can be resumed."""


class Checkpoints(Callback):
    """Callback that saves a checkpoint at a fixed interval, and before a signal ends the run.

    After a signal the current step is finished and saved, because a run cannot be continued exactly
    from weights in the middle of a step. A signal two seconds later or more stops the run at once,
    without saving.

    Args:
        folder: folder of the checkpoints.
        every: optimiser steps between two checkpoints.

    Attributes:
        stopped_by: the signal that ended the run, in whichever of its processes; or None.
    """

    def __init__(self, folder: Path, *, every: int) -> None:
        self.folder = folder
        self.every = every
        self.stopped_by: signal.Signals | None = None
        self._received = 0  # number of the signal that this process got
        self._saved_at = -1
        self._former: dict[signal.Signals, Any] = {}

    def raise_if_stopped(self) -> None:
        """Tell the caller if the run was stopped before its end.

        Raises:
            Interrupted: If a signal ended the run.
        """
        if self.stopped_by is not None:
            raise Interrupted(
                f"stopped by {self.stopped_by.name} and saved in {str(self.folder)!r}; "
                "continue with --resume"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Install the signal handlers, in place of Lightning's own."""
        del pl_module
        self._saved_at = trainer.global_step
        if threading.current_thread() is threading.main_thread():
            handler = handler_of(self._note, later=_stop_at_once)
            self._former = {sign: signal.signal(sign, handler) for sign in SIGNALS}

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save a checkpoint if a step was made and a checkpoint is due.

        Raises:
            NotFinite: If a weight is not finite; it is not saved.
        """
        del outputs, batch, batch_idx
        if accumulating(trainer):
            return
        self._stop_if_asked(trainer, pl_module)
        if trainer.global_step % self.every == 0:
            self._save(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Heed a signal that came after the last step."""
        if self.stopped_by is None:
            self._stop_if_asked(trainer, pl_module)

    def _stop_if_asked(self, trainer: Trainer, pl_module: LightningModule) -> None:
        received = self._agreed(trainer)
        if received:
            self._save(trainer, pl_module)
            self.stopped_by = signal.Signals(received)
            trainer.should_stop = True

    def _agreed(self, trainer: Trainer) -> int:
        """Return the signal that any process of the run got, the same number in all; 0 if none."""
        if trainer.world_size == 1:
            return self._received
        received = torch.tensor(self._received, device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(received, reduce_op="max"))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Restore the former signal handlers."""
        del trainer, pl_module, stage
        self._restore_handlers()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Restore the former signal handlers: Lightning calls no teardown after an error."""
        del trainer, pl_module, exception
        self._restore_handlers()

    def _restore_handlers(self) -> None:
        for sign, handler in self._former.items():
            signal.signal(sign, handler)
        self._former.clear()

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Note the run's rate in the checkpoint."""
        del trainer
        checkpoint[_RATE] = rate_of(pl_module)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Go on with another rate than before if the run has one now."""
        del trainer
        before, now = checkpoint.get(_RATE), rate_of(pl_module)
        if before is not None and before != now:
            scale_rates(checkpoint, now / before)

    def _note(self, number: int) -> None:
        self._received = number

    def _save(self, trainer: Trainer, pl_module: LightningModule) -> None:
        step = trainer.global_step
        if step <= self._saved_at:
            return
        if not all(torch.isfinite(each).all() for each in pl_module.state_dict().values()):
            raise NotFinite(f"weights are not finite at step {step}; expected finite ones")
        self._saved_at = step
        final = self.folder / f"step-{step:08d}.ckpt"
        if not trainer.is_global_zero:
            trainer.save_checkpoint(final)  # takes part, and writes nothing
            return
        with replacing(final) as draft:
            trainer.save_checkpoint(draft)
        for old in saved(self.folder)[KEPT:]:
            old.unlink()


def _stop_at_once(number: int) -> None:
    raise Stopped(number)


def rate_of(module: LightningModule) -> float:
    """Return the peak learning rate that a training module is to have."""
    assert isinstance(module, SeededTraining)
    return module.training_plan.rate


def scale_rates(checkpoint: dict[str, Any], factor: float) -> None:
    """Multiply all learning rates in a checkpoint, and those that its schedules start from."""
    for optimiser in checkpoint["optimizer_states"]:
        for group in optimiser["param_groups"]:
            for name in ("lr", "initial_lr"):
                group[name] *= factor
    for schedule in checkpoint["lr_schedulers"]:
        for name in ("base_lrs", "_last_lr"):
            schedule[name] = [rate * factor for rate in schedule[name]]


def accumulating(trainer: Trainer) -> bool:
    """Whether gradients are still being accumulated for the next optimiser step."""
    batches = trainer.fit_loop.epoch_loop.batch_progress.current.ready
    return bool(batches % trainer.accumulate_grad_batches)


def saved(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder`, the newest first."""
    return sorted(folder.glob("step-*.ckpt"), reverse=True)


def step_of(checkpoint: Path) -> int:
    """Return the optimiser step that a checkpoint was saved at."""
    return int(checkpoint.stem.removeprefix("step-"))


def newest_whole(folder: Path) -> Path | None:
    """Return the newest checkpoint that can be read, or None if there are no checkpoints.

    Raises:
        InputError: If there are checkpoints and all are damaged.
    """
    candidates = saved(folder)
    for candidate in candidates:
        damage = _damage(candidate)
        if damage is None:
            return candidate
        logger.warning("checkpoint %s is damaged (%s); trying the one before", candidate, damage)
    if candidates:
        raise InputError(
            f"all {len(candidates)} checkpoints in {str(folder)!r} are damaged; "
            "expected at least one that can be read"
        )
    return None


def _damage(path: Path) -> str | None:
    """Describe what is wrong with a checkpoint, or return None if it can be read."""
    try:
        # A checkpoint is a zip archive. Its checksums reveal changed bytes, which torch.load
        # would read as weights.
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
        if bad is not None:
            return f"checksum of {bad} is wrong"
        torch.load(path, map_location="meta", weights_only=True)
    except Exception as error:
        return (str(error).splitlines() or [type(error).__name__])[0]
    return None
