"""The baselines of `detect eval`: guesses that use no pixels, which a detector has to beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfvid.data.annotations.annotations import Assume
from selfvid.detecting.corpus import Recording
from selfvid.detecting.segments import Segment

Guess = tuple[list[Segment], NDArray[np.float64]]
"""The segments of one video, and the score of each activity for the whole video, (K,)."""

EVERYWHERE = "most frequent activity everywhere"
AT_RANDOM = "segments laid at random"
MEANINGS = {
    EVERYWHERE: "one segment over the whole video, of the activity with the most training "
    "segments; for whole videos, activities are ranked by their share of the training segments",
    AT_RANDOM: "segments at random places with random scores: as many per minute as in training, "
    "each with an activity drawn by its share of the training segments and with the mean length of "
    "that activity's training segments; mean over seeds",
}


@dataclass(frozen=True)
class TrainingStatistics:
    """How many training segments there are, and how long they are.

    Attributes:
        labels: names of the K activities.
        counts: number of training segments of each activity, (K,).
        lengths: their mean length in seconds, (K,); the mean length of all training segments for
            an activity that has none.
        per_second: number of training segments per second of training video.
        assume: whether a video shows one activity, one at a time, or several that overlap.
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
        """Compute the statistics of the training videos."""
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
        """Guess the most frequent activity, from the beginning of the video to its end."""
        label = self.labels[int(self.counts.argmax())]
        return [Segment(0.0, recording.seconds, label, 1.0)], self.counts / self.counts.sum()

    def at_random(self, rng: np.random.Generator) -> Callable[[Recording], Guess]:
        """Return a function that guesses segments at random places.

        Their number, activities and lengths follow the training segments.
        """
        shares = self.counts / self.counts.sum()

        def guess(recording: Recording) -> Guess:
            number = max(1, round(self.per_second * recording.seconds))
            drawn = rng.choice(len(shares), number, p=shares)
            if self.assume == "one_per_video":
                drawn[:] = drawn[0]
            segments = []
            for label in drawn.tolist():
                length = min(float(self.lengths[label]), recording.seconds)
                start = rng.uniform(0, recording.seconds - length)
                segments.append(Segment(start, start + length, self.labels[label], rng.random()))
            return segments, rng.random(len(shares))

        return guess
