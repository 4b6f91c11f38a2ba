"""Lightning's training loop, with the settings that all runs share."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import EMAWeightAveraging
from pytorch_lightning.utilities import rank_zero_only
from tqdm import tqdm

from selfvid.compute import Device, NumberFormat, Precision, choose_device, resolve_precision
from selfvid.errors import InputError, NotFinite
from selfvid.training.batches import BatchStream, ResumableLoader
from selfvid.training.checkpoint_files import CheckpointFiles
from selfvid.training.checkpoints import Checkpoints, saved
from selfvid.training.compiled import compile_module
from selfvid.training.module import SeededTraining
from selfvid.training.schedule import Training
from selfvid.training.sources import BatchSource

# Lightning's names of the number formats.
_PRECISIONS: dict[NumberFormat, Literal["bf16-mixed", "32-true"]] = {
    "bfloat16": "bf16-mixed",
    "float32": "32-true",
}


class RunClips(LightningDataModule):
    """The batches of a run, divided among its processes.

    Args:
        source: makes the batches.
        stream: decides which clips make up which batch.
    """

    def __init__(self, source: BatchSource, stream: BatchStream) -> None:
        super().__init__()
        self.source = source
        self.stream = stream
        self.loader: ResumableLoader | None = None

    def train_dataloader(self) -> ResumableLoader:
        """Return the batches from the stream's position on."""
        assert self.trainer is not None
        self.stream.share_out(self.trainer.global_rank, self.trainer.world_size)
        device = self.trainer.strategy.root_device
        self.loader = ResumableLoader(self.source.batches(self.stream, device), self.stream)
        return self.loader

    def teardown(self, stage: str) -> None:
        """End the loading processes when training ends."""
        del stage
        self._close()

    def on_exception(self, exception: BaseException) -> None:
        """End the loading processes after an error: Lightning then calls no teardown."""
        del exception
        self._close()

    def _close(self) -> None:
        if self.loader is not None:
            self.loader.close()


class Progress(Callback):
    """A progress bar over optimiser steps; for a resumed run it begins at the resumed step.

    Args:
        what: the word in front of the bar.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.bar: tqdm[Any] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the bar."""
        del pl_module
        # In a log file each refresh is a new line, so the bar is refreshed rarely there.
        interval = 0.1 if sys.stderr.isatty() else 30.0  # seconds
        self.bar = tqdm(
            total=trainer.max_steps,
            initial=trainer.global_step,
            desc=self.what,
            unit="step",
            dynamic_ncols=True,
            mininterval=interval,
            disable=not trainer.is_global_zero,
        )

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any
    ) -> None:
        """Move the bar to the current step."""
        del pl_module, batch
        assert self.bar is not None
        self.bar.set_postfix(loss=f"{float(outputs['loss']):.4g}", refresh=False)
        self.bar.update(trainer.global_step - self.bar.n)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Close the bar when training ends."""
        del trainer, pl_module, stage
        self._close()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Close the bar after an error, so that the error message starts on a new line."""
        del trainer, pl_module, exception
        self._close()

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()


def fit(
    module: SeededTraining,
    clips: RunClips,
    *,
    training: Training,
    device: Device,
    precision: Precision,
    checkpoints: Checkpoints,
    callbacks: list[Callback],
    checkpoint: Path | None,
    out: Path,
    what: str = "pretraining",
    quiet: bool = False,
) -> None:
    """Train `module` in place.

    Args:
        module: the module to train.
        clips: its batches.
        training: the number of steps and the other settings of the training.
        device: the device to train on.
        precision: the number format to compute in.
        checkpoints: saves the run; it is called after all callbacks.
        callbacks: callbacks, in the order in which they are called.
        checkpoint: the checkpoint to continue from; None starts from the beginning.
        out: folder that Lightning may write to.
        what: a word for the training, shown in front of the progress bar.
        quiet: show no progress bar.

    Raises:
        InputError: If a loss, gradient or weight is not finite; the message says how to go on.
        Interrupted: If a signal ended the training; the last step was saved first.
    """
    averaging: list[Callback] = []
    if training.average is not None:
        # First in the list: a checkpoint must contain the average as of its own step.
        averaging.append(EMAWeightAveraging(decay=training.average))
    place = choose_device(device)
    chosen = resolve_precision(precision, device=place)
    if training.compiled:
        compile_module(module.compiled_part, training, place)
    with _quiet():
        trainer = Trainer(
            accelerator=place.type,
            precision=_PRECISIONS[chosen],
            devices=training.devices,
            strategy=training.strategy,
            max_steps=training.steps,
            max_epochs=-1,
            accumulate_grad_batches=training.accumulate,
            callbacks=[
                *averaging,
                *callbacks,
                checkpoints,
                *([] if quiet else [Progress(what)]),
            ],
            default_root_dir=out,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            plugins=[CheckpointFiles()],
        )
        try:
            # Checkpoints are read without unpickling: a run's folder may come from a stranger.
            trainer.fit(module, clips, ckpt_path=checkpoint, weights_only=True)
        except NotFinite as error:
            raise InputError(f"{error}; {_way_on(checkpoints.folder, training)}") from None
        checkpoints.raise_if_stopped()


def _way_on(folder: Path, training: Training) -> str:
    """Say what can be done after weights were not finite."""
    if not (kept := saved(folder)):
        return "there is no checkpoint yet: begin a new run with a lower --training.rate"
    lower = f"--resume --training.rate {training.rate / 10:g}"
    return f"the last good checkpoint is {str(kept[0])!r}: go on from it with {lower}"


def is_first_process() -> bool:
    """Whether this is the process that writes files; with several devices there are more."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide Lightning's messages for developers; users of a command cannot act on them."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.fabric")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
            yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
