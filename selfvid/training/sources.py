"""Where the batches of a run come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sized

import torch

from selfvid.data.clips.dataset import ClipDataset, SideBySide
from selfvid.data.clips.loader import clip_loader
from selfvid.training.batches import BatchStream
from selfvid.types import ClipBatch


class BatchSource(ABC):
    """Turns the keys of a batch into the batch."""

    @abstractmethod
    def batches(self, stream: BatchStream, device: torch.device) -> Iterable[Sized]:
        """This process's batches, from where `stream` stands when the first is asked for.

        Args:
            stream: which items make up which batch.
            device: where training computes.
        """


class LoadedClips(BatchSource):
    """Clips cut from files, read ahead by worker processes.

    Args:
        dataset: the files and the rule for cutting them.
        workers: loading processes.
    """

    def __init__(self, dataset: ClipDataset | SideBySide, *, workers: int) -> None:
        self.dataset = dataset
        self.workers = workers

    def batches(self, stream: BatchStream, device: torch.device) -> Iterable[ClipBatch]:
        """Clips from where the stream stands."""
        del device
        return clip_loader(self.dataset, batches=stream, workers=self.workers)
