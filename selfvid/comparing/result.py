"""What a comparison found: figures, words and protocol; as tables, and as JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.comparing.classes import ClassRow
from selfvid.results.files import RESULT, write_result
from selfvid.statistics.paired import Standing, chance_in_words
from selfvid.probing.result import aligned
from selfvid.statistics.words import percents, points
from selfvid.statistics.metrics import Interval
from selfvid.pictures import Bar, Picture, differences, write_png

KIND = "selfvid compare"
PICTURE = "per_class.png"
AXIS = "first run minus second, points, 95 % intervals"
SHOWN = 15  # classes at each end of the printed table


@dataclass(frozen=True)
class ComparedRun:
    """One of the two runs.

    Attributes:
        name: of the run.
        accuracy: with its 95 % interval.
        right: number of videos that it is right on.
        right_alone: number of those that the other is wrong on.
    """

    name: str
    accuracy: Interval
    right: int
    right_alone: int


@dataclass(frozen=True, eq=False)
class CompareResult:
    """Two runs held against each other.

    Attributes:
        heading: what was compared on what.
        runs: the first and the second.
        standing: how the first stands to the second over all videos.
        classes: the same class by class, from the largest gain to the largest loss.
        absent: classes without a test video.
        verdicts: what the figures say, in plain sentences.
        protocol: everything that was decided, in plain data.
        path: the folder with ``result.json`` and ``per_class.png``; None where nothing is written.
    """

    heading: str
    runs: tuple[ComparedRun, ComparedRun]
    standing: Standing
    classes: tuple[ClassRow, ...]
    absent: tuple[str, ...]
    verdicts: tuple[str, ...]
    protocol: dict[str, Any]
    path: Path | None

    def __str__(self) -> str:
        lines = [["", "accuracy, 95 % interval", "right where the other is wrong"]]
        lines += [[run.name, percents(run.accuracy), str(run.right_alone)] for run in self.runs]
        verdicts = "\n".join(f"- {verdict}" for verdict in self.verdicts)
        return "\n\n".join([self.heading, aligned(lines), class_table(self.classes), verdicts])

    def picture(self) -> Picture:
        """Gains and losses by class, as bars."""
        first, second = (run.name for run in self.runs)
        bars = list(map(_bar, self.classes))
        return differences(bars, title=f"{first} minus {second}, points, 95 % intervals")

    def write(self) -> None:
        """Write the picture and, last, the result itself; nothing where there is no folder."""
        if self.path is None:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        write_png(self.picture(), self.path / PICTURE)
        write_result(self, self.path / RESULT, kind=KIND)


def class_table(rows: tuple[ClassRow, ...]) -> str:
    """Classes below one another; of very many only both ends."""
    lines = [["class", "videos", "first", "second", "difference", "", "after Holm"]]
    for row in rows:
        lines.append(
            [
                row.name,
                str(row.standing.videos),
                f"{100 * row.first:.1f} %",
                f"{100 * row.second:.1f} %",
                points(row.standing.difference),
                chance_in_words(row.standing.p),
                chance_in_words(row.p_holm),
            ]
        )
    if len(rows) > 2 * SHOWN:
        middle = f"... {len(rows) - 2 * SHOWN} more in {RESULT}"
        lines[1 + SHOWN : -SHOWN] = [[middle, *[""] * (len(lines[0]) - 1)]]
    return aligned(lines)


def _bar(row: ClassRow) -> Bar:
    low, mean, high = row.standing.difference
    if math.isnan(low):
        return Bar(row.name, mean)
    return Bar(row.name, mean, low, high, strong=row.standing.resolved)
