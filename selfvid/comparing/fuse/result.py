"""What fusing runs brought: figures, words and protocol; as a table, and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfvid.comparing.score_tables import Groups, Scored
from selfvid.results.files import RESULT, write_result
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
    """The fusion, or one of the runs that it was made of.

    Attributes:
        name: of the run; "fusion".
        accuracy: with its 95 % interval.
        standing: how the fusion stands to it; None for the fusion itself.
    """

    name: str
    accuracy: Interval
    standing: Standing | None


@dataclass(frozen=True, eq=False)
class FuseResult:
    """Several runs' scores made one.

    Attributes:
        heading: what was fused how.
        rows: the fusion, then every run.
        verdicts: what the figures say, in plain sentences.
        classes: names of the K classes.
        confusion: of the fusion, (K, K), a row for each true class.
        per_class: its accuracy on each class, (K,); NaN where no video was tested.
        scores: the fused table.
        protocol: everything that was decided, in plain data.
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
        """The result about a fused table; `others` do not follow from it."""
        truth, guesses, count = scores.labels, scores.predicted, len(scores.classes)
        return FuseResult(
            rows=rows,
            classes=scores.classes,
            confusion=confusion(guesses, truth, count),
            per_class=per_class_accuracy(guesses, truth, count),
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
        """Write the fused scores and, last, the result itself."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.scores.write(self.path / SCORES)
        write_result(self, self.path / RESULT, kind=KIND, without=("path", "scores"))


def accuracy_of(scored: Scored, groups: Groups, *, seed: int) -> Interval:
    """Accuracy with its interval over groups."""
    return accuracy_interval(scored.right, groups.names, seed=seed)
