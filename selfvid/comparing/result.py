"""What a comparison found: figures, words and protocol; as tables, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from selfvid.comparing.score_tables import Groups, Scored
from selfvid.pictures import Bar, Picture, differences, write_png
from selfvid.results.files import RESULT, write_result
from selfvid.results.tables import aligned
from selfvid.statistics.intervals import LEVEL, Interval
from selfvid.statistics.paired import Standing, chance_in_words, holm, stand
from selfvid.statistics.words import percents, points

CAUTION = (
    "each interval stands for its class alone: among many classes some leave out zero by luck, "
    "so lean on those that remain after the correction"
)


@dataclass(frozen=True)
class ClassRow:
    """One class.

    Attributes:
        name: of the class.
        first: share of its videos that the first run is right on.
        second: likewise.
        standing: how the first stands to the second on these videos.
        p_holm: the p-value over groups, corrected for the number of classes.
    """

    name: str
    first: float
    second: float
    standing: Standing
    p_holm: float


def by_class(first: Scored, second: Scored, groups: Groups, *, seed: int = 0) -> list[ClassRow]:
    """Every class with test videos, from the largest gain of the first run to its largest loss."""
    classes, labels = first.scores.classes, first.scores.labels
    found = []
    for place in np.unique(labels).tolist():
        mine = labels == place
        one, two = first.right[mine], second.right[mine]
        standing = stand(one, two, groups.names[mine], seed=seed)
        found.append((classes[place], float(one.mean()), float(two.mean()), standing))
    corrected = holm([standing.p for *_, standing in found]).tolist()
    rows = [ClassRow(*row, p_holm=p) for row, p in zip(found, corrected, strict=True)]
    return sorted(rows, key=lambda row: -row.standing.difference.mean)


def absent(scored: Scored) -> tuple[str, ...]:
    """Classes that no video is of."""
    there = set(scored.scores.labels.tolist())
    return tuple(name for place, name in enumerate(scored.scores.classes) if place not in there)


def in_words(rows: Sequence[ClassRow], missing: Sequence[str]) -> list[str]:
    """How many classes differ, the largest gain and loss, and which have no video."""
    resolved = [row for row in rows if row.standing.resolved]
    remain = [row for row in resolved if row.p_holm < 1 - LEVEL]
    gains = sum(row.standing.difference.mean > 0 for row in resolved)
    said = [
        f"of {len(rows)} classes {gains} gain and {len(resolved) - gains} lose, each taken by "
        f"itself; after Holm's correction {len(remain)} remain"
        + (f": {', '.join(row.name for row in remain)}" if remain else ""),
        CAUTION,
    ]
    if missing:
        said.append(f"no test video of {', '.join(missing)}")
    return said


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
