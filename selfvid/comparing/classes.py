"""Two classifiers, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfvid.statistics.paired import LEVEL, Standing, stand
from selfvid.comparing.score_tables import Groups, Scored
from selfvid.statistics.metrics import holm

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
