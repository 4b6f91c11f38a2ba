"""Batch sources: they make the batches of a run from the keys of a batch stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sized

import torch

from selfvid.data.clips.dataset import ClipDataset, SideBySide
from selfvid.data.clips.loader import clip_loader
from selfvid.training.batches import BatchStream
from selfvid.types import ClipBatch


class BatchSource(ABC):
    """Interface of everything that makes batches for training."""

    @abstractmethod
    def batches(self, stream: BatchStream, device: torch.device) -> Iterable[Sized]:
        """Return this process's batches, from the stream's position at the first one on.

        Args:
            stream: decides which items make up which batch.
            device: the device that training runs on.
        """

    def put_aside(self, paths: frozenset[str]) -> None:
        """Leave out files that killed the process that read them, if the source reads files."""
        del paths


class LoadedClips(BatchSource):
    """A source that reads clips from files, in loading processes that work ahead.

    Args:
        dataset: the clips.
        workers: number of loading processes.
    """

    def __init__(self, dataset: ClipDataset | SideBySide, *, workers: int) -> None:
        self.dataset = dataset
        self.workers = workers

    def put_aside(self, paths: frozenset[str]) -> None:
        """Replace the clips of some files by others, as those of unreadable files are."""
        self.dataset.put_aside = paths

    def batches(self, stream: BatchStream, device: torch.device) -> Iterable[ClipBatch]:
        """Return the batches of clips from the stream's position on."""
        del device
        return clip_loader(self.dataset, batches=stream, workers=self.workers)
