"""A bar with a rate and the time left, over the whole run, on standard error."""

from __future__ import annotations

import sys
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from tqdm import tqdm


class Progress(Callback):
    """Counts optimiser steps; a resumed run's bar begins where the run stands.

    Args:
        what: the word in front of the bar.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.bar: tqdm[Any] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the bar."""
        del pl_module
        # Into a log file every refresh is a line of its own.
        interval = 0.1 if sys.stderr.isatty() else 30.0
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
        """Move the bar to the step that was made."""
        del pl_module, batch
        assert self.bar is not None
        self.bar.set_postfix(loss=f"{float(outputs['loss']):.4g}", refresh=False)
        self.bar.update(trainer.global_step - self.bar.n)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave the bar as it stands."""
        del trainer, pl_module, stage
        self._close()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """End the bar's line, for what went wrong to stand on one of its own."""
        del trainer, pl_module, exception
        self._close()

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
