"""The result of `detect eval`: measures of a detector, its baselines and other runs."""

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
MAIN_OVERLAP = 0.5  # the tIoU threshold that the verdicts use, as is usual
TIMELINES = "timelines"


@dataclass(frozen=True)
class DetectRow:
    """The measures of the detector, of a baseline, or of another run.

    Attributes:
        name: name of the row.
        meaning: what it stands for.
        detection: mean average precision by tIoU threshold, which is a text such as "0.5".
        detector_over_it: the detector's mean average precision minus that of this row; None for
            the detector itself.
        classification: mean average precision of the activities that a whole video shows.
        hit_at_3: share of videos that show one of their three likeliest activities.
    """

    name: str
    meaning: str
    detection: Mapping[str, Interval]
    detector_over_it: Mapping[str, Interval] | None
    classification: float
    hit_at_3: float


@dataclass(frozen=True)
class Setting:
    """Mean average precision at tIoU 0.5 with another mean filter and threshold."""

    smooth: int
    alpha: float
    precision: float


@dataclass(frozen=True)
class ActivityRow:
    """True and detected segments of one activity, and its average precision at tIoU 0.5."""

    label: str
    shown: int
    found: int
    precision: float


@dataclass(frozen=True, eq=False)
class DetectResult:
    """The result of `detect eval`.

    Attributes:
        heading: what was tested, in one line.
        rows: the detector, then the baselines, then the other runs.
        sweep: mean average precision with other filters and thresholds, as in the paper's table.
        activities: the activities one by one.
        verdicts: what the figures say, in plain sentences.
        pictures: names of the files in timelines/.
        protocol: all settings, as plain data.
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
        """Write the result as JSON into the folder, completely or not at all."""
        return write_result(self, self.path / RESULT, kind=KIND)

    def _swept(self) -> list[list[str]]:
        """Return the sweep as a table with a row for each alpha."""
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
    outcome: Outcome, baselines: Mapping[str, Outcome], others: Mapping[str, Outcome]
) -> tuple[DetectRow, ...]:
    """Return the rows of the detector, its baselines and other runs.

    Args:
        outcome: the measures of the detector.
        baselines: the measures of the baselines, by name.
        others: the measures of other runs on the same videos and resamples, by name.
    """

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
        row(DETECTOR, "the trained detector", outcome),
        *(row(name, MEANINGS[name], found) for name, found in baselines.items()),
        *(row(name, "another run", found) for name, found in others.items()),
    )


def verdicts_of(
    rows: Sequence[DetectRow], *, groups: int, footage: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return what the rows say in words.

    The comparison with the better baseline comes first, then the comparisons with other runs.

    Args:
        rows: as `rows_of` returns them.
        groups: number of groups of test videos.
        footage: how many test videos the encoder was trained on.
    """
    overlap = str(MAIN_OVERLAP)
    baselines = [row for row in rows[1:] if row.name in MEANINGS]
    best = max(baselines, key=lambda row: row.detection[overlap].mean)
    precision = words.percents(rows[0].detection[overlap])
    sentences = (
        _comparison(best, overlap),
        *(_comparison(row, overlap) for row in rows[1:] if row not in baselines),
        f"mean average precision at tIoU {overlap}: {precision}",
        words.about_footage(**footage),
        words.about_groups(groups),
    )
    return tuple(sentence for sentence in sentences if sentence is not None)


def _comparison(row: DetectRow, overlap: str) -> str:
    """Return how the detector compares with a baseline or another run, in words."""
    assert row.detector_over_it is not None
    gap = row.detector_over_it[overlap]
    if gap.low > 0:
        verdict = "better than"
    elif gap.high < 0:
        verdict = "worse than"
    else:
        verdict = "no clear difference from"
    return f"{verdict} {row.name} at tIoU {overlap}: {words.points(gap)}"
