"""What a classifier is trained on, in which order, and by which kind of step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass

import torch

from selfvid.data.clips.loader import clip_loader
from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.side_by_side import SideBySide
from selfvid.training.batches import BatchStream
from selfvid.finetuning.step import Supervised


@dataclass(frozen=True)
class Course:
    """Clips, their order, and the module that learns from them.

    Attributes:
        clips: what can be read.
        stream: which of them make up which batch.
        workers: loading processes.
        module: makes what learns, of the arguments of `Supervised`.
        updates: of the optimiser for each step of the run.
    """

    clips: ClipDataset | SideBySide
    stream: BatchStream
    workers: int
    module: Callable[..., Supervised] = Supervised
    updates: int = 1

    def batches(self, stream: BatchStream, device: torch.device) -> Iterable[Sized]:
        """Clips read ahead by worker processes."""
        del device
        return clip_loader(self.clips, batches=stream, workers=self.workers)
