"""What a head says of whole videos whose views its encoder has seen before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfvid.data.clips.dataset import ClipDataset
from selfvid.finetuning.classifier import Classifier
from selfvid.compute import autocast
from selfvid.features.head_store import Shelf
from selfvid.finetuning.testing import Tester


@dataclass(frozen=True, kw_only=True)
class CachedTester(Tester):
    """A tester that reads features of views in place of videos.

    Attributes:
        shelf: features of all views of every video.
    """

    shelf: Shelf

    def probabilities(
        self, classifier: Classifier, dataset: ClipDataset
    ) -> Iterator[NDArray[np.float64]]:
        """The probabilities (clips, K) of one video after the other."""
        for row in dataset.manifest.rows:
            features = self.shelf.read(row)
            found = []
            with autocast(self.precision, self.device):
                for first in range(0, len(features.clip), self.batch):
                    some = features.of(slice(first, first + self.batch)).to(self.device)
                    found.append(classifier.head(some).probabilities)
            yield self.of_clips(found)


def cached_tester(plain: Tester, shelf: Shelf) -> CachedTester:
    """The same tester for features of views."""
    return CachedTester(**vars(plain), shelf=shelf)
