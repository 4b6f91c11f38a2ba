"""Training and testing a head on features that its frozen encoder has computed once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from selfvid.compute import autocast
from selfvid.data.clips.dataset import ClipDataset, ClipKey
from selfvid.features.store import joined
from selfvid.finetuning.classifier import Classifier
from selfvid.finetuning.kept_features.folder import VideoFeatures
from selfvid.finetuning.step import SupervisedTraining, supervised_losses
from selfvid.finetuning.testing import Tester
from selfvid.training.batches import BatchStream
from selfvid.training.sources import BatchSource
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


class KeptFeatureTraining(SupervisedTraining):
    """Trains the head of a classifier; crop and augmentation were applied before its features."""

    # Lightning hands on what the loader gave: here features, where other runs have clips.
    def training_step(self, batch: FeatureBatch, batch_idx: int) -> Tensor:  # type: ignore[override]
        """Scalar loss of one batch."""
        del batch_idx
        self._reseed(self.stream.draw, 0)
        self.losses = supervised_losses(self.classifier.head, batch.features, batch.labels)
        return self.finished(batch.videos)


class KeptFeatureSource(BatchSource):
    """Batches of features from disk.

    An epoch has one draw of every video's clips; when all draws were used, the first comes again.

    Args:
        videos: the training part, whose clips are not read.
        kept: its features.
    """

    def __init__(self, videos: ClipDataset, kept: VideoFeatures) -> None:
        self.videos = videos
        self.kept = kept

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
            self.kept.read(row, key.epoch % self.kept.draws)
            for row, key in zip(rows, keys, strict=True)
        ]
        each = torch.tensor([len(features.clip) for features in found])
        of_videos = torch.from_numpy(labels[[key.index for key in keys]])
        return FeatureBatch(
            joined(found), of_videos.repeat_interleave(each), tuple(row.video for row in rows)
        )


@dataclass(frozen=True, kw_only=True)
class KeptFeatureTester(Tester):
    """A tester that reads features of views in place of videos.

    Attributes:
        kept: features of all views of every video.
    """

    kept: VideoFeatures

    def probabilities(
        self, classifier: Classifier, dataset: ClipDataset
    ) -> Iterator[NDArray[np.float64]]:
        """The probabilities (clips, K) of one video after the other."""
        for row in dataset.manifest.rows:
            features = self.kept.read(row)
            found = []
            with autocast(self.precision, self.device):
                for first in range(0, len(features.clip), self.batch):
                    some = features.of(slice(first, first + self.batch)).to(self.device)
                    found.append(classifier.head(some).probabilities)
            yield self.of_clips(found)

    @staticmethod
    def like(plain: Tester, kept: VideoFeatures) -> KeptFeatureTester:
        """The same tester for features of views."""
        return KeptFeatureTester(**vars(plain), kept=kept)
