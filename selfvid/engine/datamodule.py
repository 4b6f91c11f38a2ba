"""Footage as a stream of batches."""

from __future__ import annotations

from pytorch_lightning import LightningDataModule

from selfvid.data.clips import clip_loader
from selfvid.data.dataset import ClipDataset
from selfvid.engine.batches import BatchStream, ResumableLoader


class Footage(LightningDataModule):
    """The batches of a run, shared out among its processes.

    Args:
        dataset: clips by key.
        stream: which keys make up which batch.
        workers: loading processes of each training process.
    """

    def __init__(self, dataset: ClipDataset, stream: BatchStream, *, workers: int) -> None:
        super().__init__()
        self.dataset = dataset
        self.stream = stream
        self.workers = workers
        self.batches: ResumableLoader | None = None

    def train_dataloader(self) -> ResumableLoader:
        """Batches from where the stream stands."""
        assert self.trainer is not None
        self.stream.share_out(self.trainer.global_rank, self.trainer.world_size)
        loader = clip_loader(self.dataset, batches=self.stream, workers=self.workers)
        self.batches = ResumableLoader(loader, self.stream)
        return self.batches

    def teardown(self, stage: str) -> None:
        """End the loading processes with the training."""
        del stage
        self._close()

    def on_exception(self, exception: BaseException) -> None:
        """End them after an error too, when Lightning calls no teardown."""
        del exception
        self._close()

    def _close(self) -> None:
        if self.batches is not None:
            self.batches.close()
