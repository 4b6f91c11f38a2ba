"""Training a head on kept features of its frozen encoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from selfvid.data.clips.dataset import ClipDataset, ClipKey
from selfvid.training.batches import BatchStream
from selfvid.finetuning.clip_source import Course
from selfvid.features.head_store import Shelf, joined
from selfvid.finetuning.step import Supervised, judged
from selfvid.types import Features


@dataclass(frozen=True)
class FeatureBatch:
    """Features of labelled clips, side by side.

    Attributes:
        features: of B clips.
        labels: class indices, int64 (B,).
        videos: content id of each video.
    """

    features: Features
    labels: Tensor
    videos: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> FeatureBatch:
        """The same batch with its tensors on `device`."""
        return replace(self, features=self.features.to(device), labels=self.labels.to(device))


class CachedSupervised(Supervised):
    """Trains the head of a classifier; crop and augmentation lie behind its features."""

    # Lightning hands on what the loader gave: here features, where other runs have clips.
    def training_step(self, batch: FeatureBatch, batch_idx: int) -> Tensor:  # type: ignore[override]
        """Scalar loss of one batch."""
        del batch_idx
        self._reseed(self.stream.draw, 0)
        self.losses = judged(self.classifier.head, batch.features, batch.labels)
        return self.finished(batch.videos)


@dataclass(frozen=True, kw_only=True)
class CachedCourse(Course):
    """A course whose clips were seen by the encoder before.

    An epoch has one draw of every video's clips; when all draws were had, the first comes again.

    Attributes:
        videos: the training part, which is not read.
        shelf: its features.
    """

    videos: ClipDataset
    shelf: Shelf

    def batches(self, stream: BatchStream, device: torch.device) -> Iterator[FeatureBatch]:
        """Features from disk; what was read before is in the system's memory anyway."""
        del device
        # A function that yields: where the stream stands is known when the first is asked for.
        for keys in stream:
            yield self._batch(keys)

    def _batch(self, keys: list[ClipKey]) -> FeatureBatch:
        labels = self.videos.labels
        assert labels is not None
        rows = [self.videos.manifest.rows[key.index] for key in keys]
        found = [
            self.shelf.read(row, key.epoch % self.shelf.draws)
            for row, key in zip(rows, keys, strict=True)
        ]
        each = torch.tensor([len(features.clip) for features in found])
        known = torch.from_numpy(labels[[key.index for key in keys]])
        return FeatureBatch(
            joined(found), known.repeat_interleave(each), tuple(row.video for row in rows)
        )


def with_cache(course: Course, dataset: ClipDataset, shelf: Shelf) -> Course:
    """The course with kept features in place of its clips.

    Args:
        course: of labelled clips.
        dataset: those clips.
        shelf: features of all of them.
    """
    return CachedCourse(
        clips=course.clips,
        stream=course.stream,
        workers=0,
        module=CachedSupervised,
        videos=dataset,
        shelf=shelf,
    )
