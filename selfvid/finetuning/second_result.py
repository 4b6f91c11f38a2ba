"""What the second head of a run on two data sets came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import segment_id
from selfvid.finetuning.settings.second_set import Also
from selfvid.statistics import words
from selfvid.statistics.intervals import Draws
from selfvid.statistics.metrics import Interval, confusion, per_class_accuracy
from selfvid.statistics.scores import Scores


@dataclass(frozen=True, eq=False)
class SecondResult:
    """The second head's outcome on the second data set's own test part.

    Where the first data set is tested in several folds, each fold's network is tested on it, and
    figures are over all of these tests.

    Attributes:
        data: its manifest.
        label: column of its labels.
        videos: different videos that were tested.
        accuracy: share of tests that named the video rightly.
        classes: names of the K classes.
        confusion: (K, K), a row for each true class.
        per_class: accuracy of each class, (K,).
    """

    data: str
    label: str
    videos: int
    accuracy: Interval
    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    per_class: NDArray[np.float64]

    @staticmethod
    def of(scores: Sequence[Scores], also: Also, *, seed: int) -> SecondResult:
        """The result that follows from the scores of one or several networks."""
        predicted = np.concatenate([each.predicted for each in scores])
        labels = np.concatenate([each.labels for each in scores])
        videos = [video for each in scores for video in each.videos]
        count = len(also.classes)
        return SecondResult(
            data=also.data,
            label=also.label,
            videos=len(set(videos)),
            accuracy=Draws.of(_groups(also.videos, videos), seed=seed).interval(
                predicted == labels
            ),
            classes=also.classes,
            confusion=confusion(predicted, labels, count),
            per_class=per_class_accuracy(predicted, labels, count),
        )

    def __str__(self) -> str:
        return (
            f"second head: {words.percents(self.accuracy)} of {self.videos} test videos of "
            f"{self.data} named rightly ({self.label}, {len(self.classes)} classes)"
        )


def _groups(manifest: Manifest, videos: Sequence[str]) -> list[str]:
    """The group of each tested video."""
    of = dict(zip(map(segment_id, manifest.rows), manifest.groups.tolist(), strict=True))
    return [of[video] for video in videos]
