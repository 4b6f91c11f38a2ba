"""A run's clips as Lightning wants to be handed them."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Protocol

import torch
from pytorch_lightning import LightningDataModule

from selfvid.training.batches import BatchStream, ResumableLoader


class GivesBatches(Protocol):
    """Where a run's clips come from."""

    def batches(self, stream: BatchStream, device: torch.device) -> Iterable[Sized]:
        """This process's batches from where `stream` stands."""


class RunClips(LightningDataModule):
    """The batches of a run, shared out among its processes.

    Args:
        source: where clips come from.
        stream: which of them make up which batch.
    """

    def __init__(self, source: GivesBatches, stream: BatchStream) -> None:
        super().__init__()
        self.source = source
        self.stream = stream
        self.loader: ResumableLoader | None = None

    def train_dataloader(self) -> ResumableLoader:
        """Batches from where the stream stands."""
        assert self.trainer is not None
        self.stream.share_out(self.trainer.global_rank, self.trainer.world_size)
        device = self.trainer.strategy.root_device
        self.loader = ResumableLoader(self.source.batches(self.stream, device), self.stream)
        return self.loader

    def teardown(self, stage: str) -> None:
        """End the loading processes with the training."""
        del stage
        self._close()

    def on_exception(self, exception: BaseException) -> None:
        """End them after an error too, when Lightning calls no teardown."""
        del exception
        self._close()

    def _close(self) -> None:
        if self.loader is not None:
            self.loader.close()
