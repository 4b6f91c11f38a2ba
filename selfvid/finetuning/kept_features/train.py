"""Training and testing a head on the kept features of its frozen encoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from selfvid.compute import autocast
from selfvid.data.clips.dataset import ClipDataset, ClipKey
from selfvid.features.store import joined
from selfvid.finetuning.classifier import Classifier
from selfvid.finetuning.kept_features.folder import KeptClips
from selfvid.finetuning.step import SupervisedTraining, supervised_losses
from selfvid.finetuning.testing import Tester
from selfvid.training.batches import BatchStream
from selfvid.training.sources import BatchSource
from selfvid.types import Features


@dataclass(frozen=True)
class FeatureBatch:
    """A batch of features of labelled clips.

    Attributes:
        features: the features of B clips.
        labels: class indices, int64 (B,).
        videos: content id of each video.
    """

    features: Features
    labels: Tensor
    videos: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> FeatureBatch:
        """Return the same batch with its tensors on `device`."""
        return replace(self, features=self.features.to(device), labels=self.labels.to(device))


class KeptFeatureTraining(SupervisedTraining):
    """Trains the head of a classifier on features of clips that are already augmented."""

    @property
    def compiled_part(self) -> nn.Module:
        """The head: the encoder is not called."""
        return self.classifier.head

    # Lightning passes on what the loader gave: here features, in other runs clips.
    def training_step(self, batch: FeatureBatch, batch_idx: int) -> Tensor:  # type: ignore[override]
        """Return the scalar loss of one batch."""
        del batch_idx
        self._reseed(self.stream.draw, 0)
        head = self.classifier.head
        self.losses = supervised_losses(head, head(batch.features), batch.labels)
        return self.finished(batch.videos)


class KeptFeatureSource(BatchSource):
    """Batches of kept features, read from disk.

    An epoch takes one draw of every video's clips. After the last draw, the first one is used
    again.

    Args:
        videos: the training clips with their labels; the clips are not read.
        kept: their features.
    """

    def __init__(self, videos: ClipDataset, kept: KeptClips) -> None:
        self.videos = videos
        self.kept = kept

    def batches(self, stream: BatchStream, device: torch.device) -> Iterator[FeatureBatch]:
        """Yield batches of features from where the stream stands.

        They are read from disk every time; the system keeps files that were read in memory.
        """
        del device
        # This is a generator, so that the stream is read when the first batch is wanted: only
        # then does a resumed run know where the stream stands.
        for keys in stream:
            yield self._batch(keys)

    def _batch(self, keys: list[ClipKey]) -> FeatureBatch:
        """Return the features of the videos of `keys`, in the draw of their epoch."""
        labels = self.videos.labels
        assert labels is not None
        rows = [self.videos.manifest.rows[key.index] for key in keys]
        found = [
            self.kept.read(row, key.epoch % self.kept.draws)
            for row, key in zip(rows, keys, strict=True)
        ]
        clips = torch.tensor([len(features.clip) for features in found])  # of each video
        of_videos = torch.from_numpy(labels[[key.index for key in keys]])
        of_clips = of_videos.repeat_interleave(clips)  # (B,)
        return FeatureBatch(joined(found), of_clips, tuple(row.video for row in rows))


@dataclass(frozen=True, kw_only=True)
class KeptFeatureTester(Tester):
    """A tester that reads kept features of views instead of decoding videos.

    Attributes:
        kept: features of all views of every test video.
    """

    kept: KeptClips

    def probabilities(
        self, classifier: Classifier, dataset: ClipDataset
    ) -> Iterator[NDArray[np.float64]]:
        """Yield the probabilities (clips, K) of one video after the other."""
        for row in dataset.manifest.rows:
            features = self.kept.read(row)
            found = []
            with autocast(self.precision, self.device):
                for first in range(0, len(features.clip), self.batch):
                    some = features.of(slice(first, first + self.batch)).to(self.device)
                    found.append(classifier.head(some).probabilities)
            yield self.of_clips(found)

    @staticmethod
    def like(plain: Tester, kept: KeptClips) -> KeptFeatureTester:
        """Return a tester with the settings of `plain` that reads kept features."""
        return KeptFeatureTester(**vars(plain), kept=kept)
