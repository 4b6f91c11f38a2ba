"""What a detector came to on its test videos, beside its baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.detecting.baselines import MEANINGS
from selfvid.detecting.measures import OVERLAPS, Outcome
from selfvid.results.files import RESULT, write_result
from selfvid.results.tables import aligned
from selfvid.statistics import words
from selfvid.statistics.intervals import Interval

KIND = "selfvid detect eval"
DETECTOR = "detector"
MAIN_OVERLAP = 0.5
TIMELINES = "timelines"


@dataclass(frozen=True)
class DetectRow:
    """The detector, one baseline, or another run.

    Attributes:
        name: which.
        meaning: what it is.
        detection: mean average precision at each tIoU, by its text such as "0.5".
        detector_over_it: the same of the detector minus this; None for the detector itself.
        classification: mean average precision of what videos show as a whole.
        hit_at_3: share of videos of which one of the three likeliest activities is shown.
    """

    name: str
    meaning: str
    detection: Mapping[str, Interval]
    detector_over_it: Mapping[str, Interval] | None
    classification: float
    hit_at_3: float


@dataclass(frozen=True)
class Setting:
    """Mean average precision at tIoU 0.5 with another filter and threshold."""

    smooth: int
    alpha: float
    precision: float


@dataclass(frozen=True)
class ActivityRow:
    """One activity: how often it is shown and found, and its average precision at tIoU 0.5."""

    label: str
    shown: int
    found: int
    precision: float


@dataclass(frozen=True, eq=False)
class DetectResult:
    """The outcome.

    Attributes:
        heading: what was tested, in a line.
        rows: the detector first, then the baselines, then the runs that it is held against.
        sweep: filters and thresholds, as in the paper's table.
        activities: one by one.
        verdicts: what the figures say, in plain sentences.
        pictures: names of files in timelines/.
        protocol: everything that was decided, in plain data.
        path: the folder.
    """

    heading: str
    rows: tuple[DetectRow, ...]
    sweep: tuple[Setting, ...]
    activities: tuple[ActivityRow, ...]
    verdicts: tuple[str, ...]
    pictures: tuple[str, ...]
    protocol: dict[str, Any]
    path: Path

    def __str__(self) -> str:
        lines = [["", *(f"mAP@{overlap}" for overlap in OVERLAPS), "class. mAP", "hit@3"]]
        for row in self.rows:
            shares = [found.mean for found in row.detection.values()]
            cells = [*shares, row.classification, row.hit_at_3]
            lines.append([row.name, *(f"{100 * share:.1f}" for share in cells)])
        return "\n\n".join(
            [
                self.heading,
                aligned(lines),
                "mAP@0.5 by filter and threshold\n" + aligned(self._swept()),
                "\n".join(f"- {verdict}" for verdict in self.verdicts),
            ]
        )

    def write(self) -> Path:
        """Write everything as JSON into the folder, whole or not at all."""
        return write_result(self, self.path / RESULT, kind=KIND)

    def _swept(self) -> list[list[str]]:
        smooths = list(dict.fromkeys(each.smooth for each in self.sweep))
        alphas = list(dict.fromkeys(each.alpha for each in self.sweep))
        value = {(each.smooth, each.alpha): each.precision for each in self.sweep}
        return [
            ["alpha", *(f"k={smooth}" for smooth in smooths)],
            *(
                [f"{alpha:g}", *(f"{100 * value[smooth, alpha]:.1f}" for smooth in smooths)]
                for alpha in alphas
            ),
        ]


def rows_of(
    outcome: Outcome, baselines: Mapping[str, Outcome], rivals: Mapping[str, Outcome]
) -> tuple[DetectRow, ...]:
    """The detector beside its baselines, and other runs on the same videos and draws."""

    def row(name: str, meaning: str, found: Outcome) -> DetectRow:
        own = found is outcome
        over = None if own else {str(at): outcome.over(found, at) for at in OVERLAPS}
        return DetectRow(
            name,
            meaning,
            {str(at): found.interval(at) for at in OVERLAPS},
            over,
            found.classification,
            found.hit_at_3,
        )

    return (
        row(DETECTOR, "what was trained", outcome),
        *(row(name, MEANINGS[name], found) for name, found in baselines.items()),
        *(row(name, "another run", found) for name, found in rivals.items()),
    )


def verdicts_of(
    rows: Sequence[DetectRow], *, groups: int, footage: Mapping[str, Any]
) -> tuple[str, ...]:
    """What the rows say: against the better baseline first, then against other runs."""
    at = str(MAIN_OVERLAP)
    baselines = [row for row in rows[1:] if row.name in MEANINGS]
    best = max(baselines, key=lambda row: row.detection[at].mean)
    precision = words.percents(rows[0].detection[at])
    said = (
        _standing(best, at),
        *(_standing(row, at) for row in rows[1:] if row not in baselines),
        f"mean average precision at tIoU {at}: {precision}",
        words.about_footage(**footage),
        words.about_groups(groups),
    )
    return tuple(sentence for sentence in said if sentence is not None)


def _standing(row: DetectRow, at: str) -> str:
    """The detector beside a baseline or another run, in words."""
    assert row.detector_over_it is not None
    gap = row.detector_over_it[at]
    word = "better than" if gap.low > 0 else "worse than" if gap.high < 0 else "not resolved from"
    return f"{word} {row.name} at tIoU {at}: {words.points(gap)}"
