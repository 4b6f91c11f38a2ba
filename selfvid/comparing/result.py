"""The result of a comparison of two runs: figures, verdicts and protocol, as tables and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from selfvid.comparing.score_tables import Groups, Scored
from selfvid.pictures import Bar, Picture, differences, write_png
from selfvid.results.files import RESULT, write_result, writing_files
from selfvid.results.tables import aligned
from selfvid.statistics.intervals import LEVEL, Interval
from selfvid.statistics.paired import Standing, chance_in_words, holm, stand
from selfvid.statistics.words import percents, points

KIND = "selfvid compare"
PICTURE = "per_class.png"
AXIS = "first run minus second, points, 95 % intervals"
CAUTION = (
    "the interval of each class is about this class alone: among many classes, some intervals "
    "leave out zero by chance, so rely on the classes that remain after the correction"
)
_SHOWN = 15  # classes at each end of the printed table: it fits on a page


@dataclass(frozen=True)
class ClassRow:
    """The comparison on the videos of one class.

    Attributes:
        name: name of the class.
        first: share of its videos that the first run classifies correctly.
        second: share of its videos that the second run classifies correctly.
        standing: the paired comparison of both runs on these videos.
        p_holm: the p-value over groups, corrected for the number of classes (Holm, 1979).
    """

    name: str
    first: float
    second: float
    standing: Standing
    p_holm: float


@dataclass(frozen=True)
class ComparedRun:
    """One of the two runs.

    Attributes:
        name: name of the run.
        accuracy: its accuracy with the 95 % interval.
        right: number of videos that it classifies correctly.
        right_alone: number of those that the other run classifies wrongly.
    """

    name: str
    accuracy: Interval
    right: int
    right_alone: int


@dataclass(frozen=True, eq=False)
class CompareResult:
    """The comparison of two runs.

    Attributes:
        heading: what was compared, in one line.
        runs: the first and the second run.
        standing: the paired comparison of both runs over all videos.
        classes: the comparison class by class, from the largest gain to the largest loss.
        absent: names of the classes without a test video.
        verdicts: what the figures say, in plain sentences.
        protocol: inputs, settings and machine, as plain data.
        path: the folder with ``result.json`` and ``per_class.png``; None if nothing is written.
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
        """Draw the gain or loss of each class as a bar."""
        first, second = (run.name for run in self.runs)
        bars = list(map(_bar, self.classes))
        return differences(bars, title=f"{first} minus {second}, points, 95 % intervals")

    def write(self) -> None:
        """Write the picture and then the result into the folder, if there is one."""
        if self.path is None:
            return
        with writing_files(self.path, kind=KIND):
            write_png(self.picture(), self.path / PICTURE)
            write_result(self, self.path / RESULT, kind=KIND)


def by_class(first: Scored, second: Scored, groups: Groups, *, seed: int = 0) -> list[ClassRow]:
    """Compare two runs on the videos of each class.

    Args:
        first: the scores of the first run.
        second: the scores of the second run, on the same videos.
        groups: the groups of the videos.
        seed: seed of the resampling.

    Returns:
        A row for each class with test videos, from the largest gain of the first run to its
        largest loss.
    """
    classes, labels = first.scores.classes, first.scores.labels
    found = []
    for label in np.unique(labels).tolist():
        members = labels == label
        one, two = first.right[members], second.right[members]
        standing = stand(one, two, groups.names[members], seed=seed)
        found.append((classes[label], float(one.mean()), float(two.mean()), standing))
    corrected = holm([standing.p for *_, standing in found]).tolist()
    rows = [ClassRow(*row, p_holm=p) for row, p in zip(found, corrected, strict=True)]
    return sorted(rows, key=lambda row: -row.standing.difference.mean)


def absent(scored: Scored) -> tuple[str, ...]:
    """Return the names of the classes without a test video."""
    present = set(scored.scores.labels.tolist())
    names = enumerate(scored.scores.classes)
    return tuple(name for label, name in names if label not in present)


def in_words(rows: Sequence[ClassRow], missing: Sequence[str]) -> list[str]:
    """Return sentences: how many classes gain or lose, and which have no test video.

    Args:
        rows: the comparison class by class.
        missing: names of the classes without a test video.
    """
    resolved = [row for row in rows if row.standing.resolved]
    remain = [row for row in resolved if row.p_holm < 1 - LEVEL]
    gains = sum(row.standing.difference.mean > 0 for row in resolved)
    sentences = [
        f"of {len(rows)} classes {gains} gain and {len(resolved) - gains} lose, each taken by "
        f"itself; after Holm's correction {len(remain)} remain"
        + (f": {', '.join(row.name for row in remain)}" if remain else ""),
        CAUTION,
    ]
    if missing:
        sentences.append(f"no test video of {', '.join(missing)}")
    return sentences


def class_table(rows: tuple[ClassRow, ...]) -> str:
    """Format the classes as a table; if there are very many, only both ends of it."""
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
    if len(rows) > 2 * _SHOWN:
        middle = f"... {len(rows) - 2 * _SHOWN} more in {RESULT}"
        lines[1 + _SHOWN : -_SHOWN] = [[middle, *[""] * (len(lines[0]) - 1)]]
    return aligned(lines)


def _bar(row: ClassRow) -> Bar:
    """Return the bar of a class, with its interval if it has one."""
    low, mean, high = row.standing.difference
    if math.isnan(low):
        return Bar(row.name, mean)
    return Bar(row.name, mean, low, high, strong=row.standing.resolved)
