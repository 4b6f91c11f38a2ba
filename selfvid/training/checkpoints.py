"""Checkpoints that are there whole or not at all, and stopping without losing work."""

from __future__ import annotations

import logging
import os
import signal
import threading
import zipfile
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from selfvid.errors import InputError

logger = logging.getLogger(__name__)

KEPT = 2


class Interrupted(Exception):
    """A signal ended the run; it was saved first and can be resumed."""


class Checkpoints(Callback):
    """Saves every so many optimiser steps, and before a Ctrl-C or SIGTERM ends the run.

    A signal only leaves a note; the step under way is finished first, since weights caught in
    the middle of a step could not be continued from exactly. A second signal ends at once.

    Args:
        folder: where checkpoints go.
        every: optimiser steps between them.

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
        """Let whoever started the run know that it is not done.

        Raises:
            Interrupted: where a signal ended it.
        """
        if self.stopped_by is not None:
            raise Interrupted(
                f"stopped by {self.stopped_by.name} and saved in {str(self.folder)!r}; "
                "continue with --resume"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen for signals, in place of Lightning's own handlers."""
        del pl_module
        self._saved_at = trainer.global_step
        if threading.current_thread() is threading.main_thread():
            for sign in (signal.SIGINT, signal.SIGTERM):
                self._former[sign] = signal.signal(sign, self._note)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save where a step has just been made and it is time."""
        del pl_module, outputs, batch, batch_idx
        stepped = trainer.global_step > self._saved_at and not accumulating(trainer)
        stop = trainer.strategy.reduce_boolean_decision(self.stopped_by is not None, all=False)
        if stepped and (stop or trainer.global_step % self.every == 0):
            self._save(trainer)
        if stop and not accumulating(trainer):
            trainer.should_stop = True

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Give signals back to whoever listened before."""
        del trainer, pl_module, stage
        self._stop_listening()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Give signals back: after an error Lightning calls no teardown."""
        del trainer, pl_module, exception
        self._stop_listening()

    def _stop_listening(self) -> None:
        for sign, handler in self._former.items():
            signal.signal(sign, handler)
        self._former.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.stopped_by is not None:
            raise KeyboardInterrupt
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


def accumulating(trainer: Trainer) -> bool:
    """Whether gradients are being added up towards a step that has not been made."""
    batches = trainer.fit_loop.epoch_loop.batch_progress.current.ready
    return bool(batches % trainer.accumulate_grad_batches)


def saved(folder: Path) -> list[Path]:
    """Checkpoints in `folder`, the newest first."""
    return sorted(folder.glob("step-*.ckpt"), reverse=True)


def step_of(checkpoint: Path) -> int:
    """The optimiser step that a checkpoint was saved at."""
    return int(checkpoint.stem.removeprefix("step-"))


def newest_whole(folder: Path) -> Path | None:
    """The newest checkpoint that can be read, or None where there is none at all.

    Raises:
        InputError: where there are checkpoints and all are damaged.
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
    """What is wrong with a checkpoint in words, or None."""
    try:
        # A checkpoint is a zip archive: its checksums find bytes that changed in the middle,
        # which torch.load would take for weights.
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
        if bad is not None:
            return f"checksum of {bad} is wrong"
        torch.load(path, map_location="meta", weights_only=True)
    except Exception as error:
        return (str(error).splitlines() or [type(error).__name__])[0]
    return None
