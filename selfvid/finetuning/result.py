"""The result of a finetune run: figures, verdicts and protocol, as a table and as JSON."""

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
    """The result of the second head on the test part of the second data set.

    If the first data set has several folds, the network of each fold is tested on it, and the
    figures are over all of these tests.

    Attributes:
        data: manifest of the second data set.
        label: column of its labels.
        videos: number of different test videos.
        accuracy: share of tests in which the video was classified correctly.
        classes: names of the K classes.
        confusion: number of tests by true class (row) and predicted class, (K, K).
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
        """Return the result that follows from the scores of one or several networks.

        Args:
            scores: the scores of each network.
            data: the second data set.
            seed: seed of the interval's resampling.
        """
        predicted = np.concatenate([each.predicted for each in scores])
        labels = np.concatenate([each.labels for each in scores])
        videos = [video for each in scores for video in each.videos]
        count = len(data.classes)
        return SecondResult(
            data=data.data,
            label=data.label,
            videos=len(set(videos)),
            accuracy=accuracy_interval(
                predicted == labels, groups_of(data.videos, videos), seed=seed
            ),
            classes=data.classes,
            confusion=confusion(predicted, labels, count),
            per_class=per_class_accuracy(predicted, labels, count),
        )

    def __str__(self) -> str:
        return (
            f"second head: {words.percents(self.accuracy)} of {self.videos} test videos of "
            f"{self.data} classified correctly ({self.label}, {len(self.classes)} classes)"
        )


@dataclass(frozen=True, eq=False)
class FinetuneResult:
    """The result of a finetune run, over the test videos of all folds.

    Attributes:
        heading: what was trained and how it was tested, in one line.
        accuracy: share of test videos that were classified correctly.
        mean_average_precision: mean over classes of the average precision.
        clip_hit_at_1: share of single clips that were classified correctly, before the
            probabilities of a video's clips are averaged (clip hit@1).
        hit_at_5: share of test videos whose class is among the five most probable ones (hit@5);
            None for five classes or fewer.
        classes: names of the K classes.
        confusion: number of test videos by true class (row) and predicted class, (K, K).
        per_class: accuracy of each class, (K,).
        largest_class: accuracy of a classifier that always predicts the most frequent class.
        footage: how many test videos the encoder was trained on before; see `Footage`.
        verdicts: what the figures say, in plain sentences.
        protocol: settings, sizes and machine, as plain data.
        path: the run's folder.
        second: the result on the second data set; None if it was not tested.
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
        """Return the result that follows from the scores of all test videos.

        Args:
            scores: the scores of all test videos.
            clips: how many single clips were classified correctly.
            heading: what was trained and how it was tested.
            groups: the group of each test video; intervals resample whole groups.
            footage: the counts of `Footage`, by name.
            protocol: settings, sizes and machine, as plain data.
            path: the run's folder.
        """
        correct = scores.predicted == scores.labels
        accuracy = accuracy_interval(correct, groups, seed=protocol["seed"])
        count = len(scores.classes)
        largest = float(np.bincount(scores.labels).max() / len(scores.labels))
        above = words.against_chance(accuracy, chance=largest)
        few = words.about_groups(len(set(groups)))
        one_hot = np.eye(count)[scores.labels]  # (N, K)
        mean_precision = mean_average_precision(scores.probabilities, one_hot)
        headline = (
            f"{words.percents(accuracy)} of {len(scores.labels)} test videos classified correctly, "
            f"mean average precision {100 * mean_precision:.1f} %"
        )
        hit_at_5 = hit_at_k(scores.probabilities, scores.labels, 5) if count > 5 else None
        sentences = (headline, _hits(clips, hit_at_5), words.about_footage(**footage), above, few)
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
            verdicts=tuple(sentence for sentence in sentences if sentence is not None),
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
        """Write the result as JSON into the run's folder, whole or not at all."""
        return write_result(self, self.path / RESULT, kind=KIND)


def groups_of(manifest: Manifest, videos: Sequence[str]) -> list[int]:
    """Return the group of each video of a score table.

    Args:
        manifest: the manifest of the videos.
        videos: ids of videos or segments, as `segment_id` gives them.
    """
    group = dict(zip(map(segment_id, manifest.rows), manifest.groups.tolist(), strict=True))
    return [group[video] for video in videos]


def _hits(clips: ClipHits, hit_at_5: float | None) -> str:
    share = 100 * clips.right / clips.clips
    of_clips = f"{share:.1f} % of {clips.clips} single clips (clip hit@1)"
    if hit_at_5 is None:
        return of_clips
    return f"{of_clips}, the right class among the likeliest five {100 * hit_at_5:.1f} % (hit@5)"
