"""The result of a fusion of runs: figures, verdicts and protocol, as a table and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfvid.comparing.score_tables import Groups, Scored
from selfvid.results.files import RESULT, write_result, writing_files
from selfvid.results.scores import SCORES, Scores
from selfvid.results.tables import aligned
from selfvid.statistics.intervals import Interval, accuracy_interval
from selfvid.statistics.metrics import confusion, per_class_accuracy
from selfvid.statistics.paired import Standing, chance_in_words
from selfvid.statistics.words import percents, points

KIND = "selfvid fuse"
FUSION = "fusion"


@dataclass(frozen=True)
class FusedRow:
    """The fusion, or one of the fused runs.

    Attributes:
        name: name of the run, or "fusion".
        accuracy: its accuracy with the 95 % interval.
        standing: the paired comparison of the fusion with this run; None for the fusion itself.
    """

    name: str
    accuracy: Interval
    standing: Standing | None


@dataclass(frozen=True, eq=False)
class FuseResult:
    """The fusion of several runs, compared with each of them.

    Attributes:
        heading: what was fused and how, in one line.
        rows: the fusion, then every run.
        verdicts: what the figures say, in plain sentences.
        classes: names of the K classes.
        confusion: number of videos by true class (row) and class that the fusion predicts, (K, K).
        per_class: accuracy of the fusion on each class, (K,); NaN for a class without videos.
        scores: the fused scores.
        protocol: inputs, settings and machine, as plain data.
        path: the folder with ``result.json`` and ``scores.csv``.
    """

    heading: str
    rows: tuple[FusedRow, ...]
    verdicts: tuple[str, ...]
    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    per_class: NDArray[np.float64]
    scores: Scores
    protocol: dict[str, Any]
    path: Path

    @staticmethod
    def of(scores: Scores, rows: tuple[FusedRow, ...], **others: Any) -> FuseResult:
        """Return the result that follows from the fused scores.

        Args:
            scores: the fused scores.
            rows: the fusion, then every run.
            others: the attributes that do not follow from the scores.
        """
        labels, predicted, count = scores.labels, scores.predicted, len(scores.classes)
        return FuseResult(
            rows=rows,
            classes=scores.classes,
            confusion=confusion(predicted, labels, count),
            per_class=per_class_accuracy(predicted, labels, count),
            scores=scores,
            **others,
        )

    def __str__(self) -> str:
        lines = [["", "accuracy, 95 % interval", "fusion minus it", ""]]
        for row in self.rows:
            against = ["", ""]
            if row.standing is not None:
                against = [points(row.standing.difference), chance_in_words(row.standing.p)]
            lines.append([row.name, percents(row.accuracy), *against])
        verdicts = "\n".join(f"- {verdict}" for verdict in self.verdicts)
        return f"{self.heading}\n\n{aligned(lines)}\n\n{verdicts}"

    def write(self) -> None:
        """Write the fused scores and then the result into the folder."""
        with writing_files(self.path, kind=KIND):
            self.scores.write(self.path / SCORES)
            write_result(self, self.path / RESULT, kind=KIND, without=("path", "scores"))


def accuracy_of(scored: Scored, groups: Groups, *, seed: int) -> Interval:
    """Return the accuracy of a run, with the interval from resampling groups."""
    return accuracy_interval(scored.right, groups.names, seed=seed)
