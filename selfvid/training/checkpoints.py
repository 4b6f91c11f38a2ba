"""Checkpoints that are written completely or not at all, and stopping a run without losing work."""

from __future__ import annotations

import logging
import os
import signal
import threading
import zipfile
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from selfvid.errors import InputError
from selfvid.signals import SIGNALS, Stopped, handler_of

logger = logging.getLogger(__name__)

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
        stopped_by: the signal that ended the run, or None.
    """

    def __init__(self, folder: Path, *, every: int) -> None:
        self.folder = folder
        self.every = every
        self.stopped_by: signal.Signals | None = None
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
        """Save a checkpoint if a step was made and a checkpoint is due."""
        del pl_module, outputs, batch, batch_idx
        stepped = trainer.global_step > self._saved_at and not accumulating(trainer)
        stop = trainer.strategy.reduce_boolean_decision(self.stopped_by is not None, all=False)
        if stepped and (stop or trainer.global_step % self.every == 0):
            self._save(trainer)
        if stop and not accumulating(trainer):
            trainer.should_stop = True

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

    def _note(self, number: int) -> None:
        self.stopped_by = signal.Signals(number)

    def _save(self, trainer: Trainer) -> None:
        self._saved_at = trainer.global_step
        final = self.folder / f"step-{trainer.global_step:08d}.ckpt"
        unfinished = self.folder / f".{final.name}.unfinished"
        trainer.save_checkpoint(unfinished)
        if not trainer.is_global_zero:
            return
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.replace(final)
        for old in saved(self.folder)[KEPT:]:
            old.unlink()


def _stop_at_once(number: int) -> None:
    raise Stopped(number)


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
