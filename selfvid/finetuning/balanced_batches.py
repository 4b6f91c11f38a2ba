"""Batches in which every class is as likely as any other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from selfvid.data.clips.dataset import ClipKey
from selfvid.training.batches import BatchStream


class BalancedStream(BatchStream):
    """Each place of a batch draws a class, then a video of it, as two-stream's batches did.

    What stands at a place is a function of the seed and the place alone.

    Args:
        labels: class index of each video.
        per_batch: videos in a batch, over all processes.
        total: batches in the whole run.
        seed: the run's seed.
    """

    def __init__(self, labels: Sequence[int], *, per_batch: int, total: int, seed: int) -> None:
        super().__init__(len(labels), per_batch=per_batch, total=total, seed=seed)
        found = np.asarray(labels)
        self.members = [np.flatnonzero(found == label) for label in np.unique(found)]

    def _key(self, place: int) -> ClipKey:
        rng = np.random.default_rng((self.seed, place))
        members = self.members[rng.integers(len(self.members))]
        # The place stands for the epoch: a video that comes again is cut anew.
        return ClipKey(place, int(members[rng.integers(len(members))]))
