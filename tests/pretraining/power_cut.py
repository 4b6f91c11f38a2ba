"""A run that ends in the middle of training, as if the power had failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning import Trainer
from torch import Tensor


@contextmanager
def power_cut(
    patch: pytest.MonkeyPatch, *, before: int, saved_in: Path | None = None
) -> Iterator[None]:
    """Training that is begun inside dies once `before` updates are made.

    Args:
        patch: what breaks the power line, and mends it.
        before: number of updates.
        saved_in: the run in which, as a signal would have it, that very update is saved first.
    """
    fit = Trainer.fit

    def cut_short(self: Any, module: Any, *args: Any, **kwargs: Any) -> None:
        step = module.training_step

        def failing(batch: Any, batch_idx: int) -> Tensor:
            if self.global_step == before:
                if saved_in is not None:
                    self.save_checkpoint(saved_in / "checkpoints" / f"step-{before:08d}.ckpt")
                raise OSError("power cut")
            loss: Tensor = step(batch, batch_idx)
            return loss

        module.training_step = failing
        fit(self, module, *args, **kwargs)

    with patch.context() as broken:
        broken.setattr(Trainer, "fit", cut_short)
        with pytest.raises(OSError, match="power cut"):
            yield
