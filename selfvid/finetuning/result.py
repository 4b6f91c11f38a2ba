"""What a finetune run came to: figures, words and protocol; as a table, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import segment_id
from selfvid.finetuning.second_set import SecondData
from selfvid.finetuning.testing import ClipHits
from selfvid.results.files import RESULT, write_result
from selfvid.results.scores import Scores
from selfvid.results.tables import aligned
from selfvid.statistics import words
from selfvid.statistics.intervals import Interval, accuracy_interval
from selfvid.statistics.metrics import (
    confusion,
    hit_at_k,
    mean_average_precision,
    per_class_accuracy,
)

KIND = "selfvid finetune"


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
    def of(scores: Sequence[Scores], data: SecondData, *, seed: int) -> SecondResult:
        """The result that follows from the scores of one or several networks."""
        predicted = np.concatenate([each.predicted for each in scores])
        labels = np.concatenate([each.labels for each in scores])
        videos = [video for each in scores for video in each.videos]
        count = len(data.classes)
        return SecondResult(
            data=data.data,
            label=data.label,
            videos=len(set(videos)),
            accuracy=accuracy_interval(
                predicted == labels, _groups(data.videos, videos), seed=seed
            ),
            classes=data.classes,
            confusion=confusion(predicted, labels, count),
            per_class=per_class_accuracy(predicted, labels, count),
        )

    def __str__(self) -> str:
        return (
            f"second head: {words.percents(self.accuracy)} of {self.videos} test videos of "
            f"{self.data} named rightly ({self.label}, {len(self.classes)} classes)"
        )


@dataclass(frozen=True, eq=False)
class FinetuneResult:
    """A supervised run's outcome.

    Attributes:
        heading: what was trained and how it was tested, in a line.
        accuracy: share of test videos named rightly.
        mean_average_precision: over classes.
        clip_hit_at_1: share of single clips named rightly, before a video's are averaged.
        hit_at_5: share of test videos whose class is among the likeliest five; None of five
            classes or fewer.
        classes: names of the K classes.
        confusion: (K, K), a row for each true class.
        per_class: accuracy of each class, (K,).
        largest_class: share of test videos of the commonest class, which naming it always gives.
        footage: how test videos relate to what the encoder had seen before.
        verdicts: what the figures say, in plain sentences.
        protocol: everything that was decided, in plain data.
        path: the run's folder.
        second: of the second data set's test part; None where there is none.
    """

    heading: str
    accuracy: Interval
    mean_average_precision: float
    clip_hit_at_1: float
    hit_at_5: float | None
    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    per_class: NDArray[np.float64]
    largest_class: float
    footage: dict[str, Any]
    verdicts: tuple[str, ...]
    protocol: dict[str, Any]
    path: Path
    second: SecondResult | None = None

    @staticmethod
    def of(
        scores: Scores,
        clips: ClipHits,
        *,
        heading: str,
        groups: Sequence[int],
        footage: dict[str, Any],
        protocol: dict[str, Any],
        path: Path,
    ) -> FinetuneResult:
        """The result that follows from the scores of all test videos."""
        right = scores.predicted == scores.labels
        accuracy = accuracy_interval(right, groups, seed=protocol["seed"])
        count = len(scores.classes)
        largest = float(np.bincount(scores.labels).max() / len(scores.labels))
        above = words.against_chance(accuracy, chance=largest)
        few = words.about_groups(len(set(groups)))
        mean_precision = mean_average_precision(scores.probabilities, np.eye(count)[scores.labels])
        headline = (
            f"{words.percents(accuracy)} of {len(scores.labels)} test videos named rightly, mean "
            f"average precision {100 * mean_precision:.1f} %"
        )
        hit_at_5 = hit_at_k(scores.probabilities, scores.labels, 5) if count > 5 else None
        said = (headline, _hits(clips, hit_at_5), words.about_footage(**footage), above, few)
        return FinetuneResult(
            heading=heading,
            accuracy=accuracy,
            mean_average_precision=mean_precision,
            clip_hit_at_1=clips.right / clips.clips,
            hit_at_5=hit_at_5,
            classes=scores.classes,
            confusion=confusion(scores.predicted, scores.labels, count),
            per_class=per_class_accuracy(scores.predicted, scores.labels, count),
            largest_class=largest,
            footage=footage,
            verdicts=tuple(sentence for sentence in said if sentence is not None),
            protocol=protocol,
            path=path,
        )

    def __str__(self) -> str:
        lines = [["", "accuracy", "videos"]]
        for name, share, row in zip(self.classes, self.per_class, self.confusion, strict=True):
            lines.append([name, f"{100 * share:.1f}", str(int(row.sum()))])
        return "\n\n".join(
            [
                self.heading,
                aligned(lines),
                "\n".join(f"- {verdict}" for verdict in self.verdicts),
            ]
        )

    def write(self) -> Path:
        """Write everything as JSON into the run's folder, whole or not at all."""
        return write_result(self, self.path / RESULT, kind=KIND)


def _hits(clips: ClipHits, hit_at_5: float | None) -> str:
    said = f"{100 * clips.right / clips.clips:.1f} % of {clips.clips} single clips (clip hit@1)"
    if hit_at_5 is None:
        return said
    return f"{said}, the right class among the likeliest five {100 * hit_at_5:.1f} % (hit@5)"


def _groups(manifest: Manifest, videos: Sequence[str]) -> list[str]:
    """The group of each tested video."""
    of = dict(zip(map(segment_id, manifest.rows), manifest.groups.tolist(), strict=True))
    return [of[video] for video in videos]
