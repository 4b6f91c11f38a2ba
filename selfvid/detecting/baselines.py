"""Guesses that never look at a video: what a detector has to beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfvid.data.annotations.annotations import Assume
from selfvid.detecting.corpus import Recording
from selfvid.detecting.segments import Segment

Guess = tuple[list[Segment], NDArray[np.float64]]
"""The segments of one video, and what it shows as a whole, (K,)."""

EVERYWHERE = "most frequent activity everywhere"
AT_RANDOM = "segments laid at random"
MEANINGS = {
    EVERYWHERE: "one segment over the whole video, of the activity with most training segments; "
    "activities of a video ranked by their share of training segments",
    AT_RANDOM: "as many segments per minute as in training, each of an activity drawn by its share "
    "of training segments and as long as its training segments are on average, laid at random, "
    "scored at random; mean over seeds",
}


@dataclass(frozen=True)
class TrainingStatistics:
    """What training segments are like.

    Attributes:
        labels: names of the K activities.
        counts: training segments of each, (K,).
        lengths: their mean length in seconds, (K,); that of all where an activity has none.
        per_second: segments in a second of video.
        assume: what may be taken for granted of activities.
    """

    labels: tuple[str, ...]
    counts: NDArray[np.float64]
    lengths: NDArray[np.float64]
    per_second: float
    assume: Assume

    @staticmethod
    def of(
        trained: Sequence[Recording], labels: tuple[str, ...], assume: Assume
    ) -> TrainingStatistics:
        """The statistics of the training part."""
        spans = [
            (labels.index(activity.label), activity.end - activity.start)
            for recording in trained
            for activity in recording.video.activities
        ]
        which, seconds = (np.array(column) for column in zip(*spans, strict=True))
        counts = np.bincount(which, minlength=len(labels)).astype(np.float64)
        sums = np.bincount(which, seconds, minlength=len(labels))
        lengths = np.where(counts > 0, sums / np.maximum(counts, 1), seconds.mean())
        whole = sum(recording.seconds for recording in trained)
        return TrainingStatistics(labels, counts, lengths, len(spans) / whole, assume)

    def everywhere(self, recording: Recording) -> Guess:
        """The most frequent activity from the beginning of a video to its end."""
        label = self.labels[int(self.counts.argmax())]
        return [Segment(0.0, recording.seconds, label, 1.0)], self.counts / self.counts.sum()

    def at_random(self, rng: np.random.Generator) -> Callable[[Recording], Guess]:
        """Segments of the usual number and length, anywhere."""
        shares = self.counts / self.counts.sum()

        def guess(recording: Recording) -> Guess:
            number = max(1, round(self.per_second * recording.seconds))
            drawn = rng.choice(len(shares), number, p=shares)
            if self.assume == "one_per_video":
                drawn[:] = drawn[0]
            found = []
            for label in drawn.tolist():
                length = min(float(self.lengths[label]), recording.seconds)
                start = rng.uniform(0, recording.seconds - length)
                found.append(Segment(start, start + length, self.labels[label], rng.random()))
            return found, rng.random(len(shares))

        return guess
