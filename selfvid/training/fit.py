"""Lightning's training loop, set up the one way that all runs use."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EMAWeightAveraging
from pytorch_lightning.utilities import rank_zero_only

from selfvid.training.datamodule import RunClips
from selfvid.compute import pick_device, resolve_precision
from selfvid.training.progress import Progress
from selfvid.training.schedule import Training


def fit(
    module: LightningModule,
    clips: RunClips,
    *,
    training: Training,
    callbacks: list[Callback],
    checkpoint: Path | None,
    out: Path,
    what: str = "pretraining",
) -> None:
    """Train `module` in place, from `checkpoint` on where there is one.

    Args:
        module: what is trained.
        clips: its batches.
        training: how.
        callbacks: in the order in which they are called.
        checkpoint: continue from there.
        out: where Lightning may write.
        what: is being trained, for the progress bar.
    """
    averaging: list[Callback] = []
    if training.average is not None:
        # Before the callbacks: a checkpoint must hold the average of the step it is of.
        averaging.append(EMAWeightAveraging(decay=training.average))
    device = pick_device(training.accelerator)
    precision = resolve_precision(training.precision, device=device)
    with _quiet():
        trainer = Trainer(
            accelerator=device.type,
            precision=precision,
            devices=training.devices,
            strategy=training.strategy,
            max_steps=training.steps,
            max_epochs=-1,
            accumulate_grad_batches=training.accumulate,
            callbacks=[*averaging, *callbacks, Progress(what)],
            default_root_dir=out,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
        )
        # Checkpoints are read without unpickling: a folder of runs may come from anywhere.
        trainer.fit(module, clips, ckpt_path=checkpoint, weights_only=True)


def is_first_process() -> bool:
    """Whether this process is the one that writes; launchers start the others."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning from telling users what is meant for those who call it."""
    talkers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.fabric")]
    levels = [talker.level for talker in talkers]
    for talker in talkers:
        talker.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
            yield
    finally:
        for talker, level in zip(talkers, levels, strict=True):
            talker.setLevel(level)
