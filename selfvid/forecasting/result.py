"""What a forecast's evaluation found: figures, words and protocol; as tables, and as JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.forecasting.measures import PREDICTION, ZERO, FlowRow, Measure
from selfvid.results.files import write_result
from selfvid.results.tables import aligned
from selfvid.statistics.intervals import Interval

KIND = "selfvid forecast"
AIM = 0.5  # share of zero flow's error that a learnt flow should stay below


@dataclass(frozen=True, eq=False)
class ForecastResult:
    """A forecast's evaluation.

    Attributes:
        heading: what was predicted of what, in a line or two.
        measures: errors of prediction and baselines, the objective's own unit first.
        flow: end-point errors where flow is predicted and known; else empty.
        verdicts: what the figures say, in plain sentences.
        pictures: names of the picture files beside ``result.json``.
        protocol: everything that was decided, in plain data.
        path: the folder with ``result.json`` and the pictures.
    """

    heading: str
    measures: tuple[Measure, ...]
    flow: tuple[FlowRow, ...]
    verdicts: tuple[str, ...]
    pictures: tuple[str, ...]
    protocol: dict[str, Any]
    path: Path

    def __str__(self) -> str:
        parts = [self.heading, *map(error_table, self.measures)]
        if self.flow:
            parts.append(flow_table(self.flow))
        parts.append("\n".join(f"- {verdict}" for verdict in self.verdicts))
        return "\n\n".join(parts)

    def write(self, path: Path) -> Path:
        """Write everything as JSON, whole or not at all; unknown numbers are null."""
        return write_result(self, path, kind=KIND)


def error_table(measure: Measure) -> str:
    """Prediction and baselines below one another, over all steps and at some of them."""
    count = len(measure.prediction.steps)
    shown = sorted({0, (count - 1) // 2, count - 1})
    steps = [f"step {step + 1}" for step in shown]
    lines = [[measure.unit, "error", "95 % interval", *steps, "prediction less it", ""]]
    for row in measure.rows:
        against = ["", ""]
        if row.difference is not None:
            against = [amount(row.difference.mean, signed=True), ends(row.difference, signed=True)]
        at = [amount(row.steps[step].mean) for step in shown]
        lines.append([row.name, amount(row.error.mean), ends(row.error), *at, *against])
    return aligned(lines)


def flow_table(rows: tuple[FlowRow, ...]) -> str:
    """Flows below one another."""
    lines = [["flow on digit pixels", "end-point error, px", "95 % interval", "of zero flow's", ""]]
    for row in rows:
        share = ["", ""] if row.share is None else [_percent(row.share), _percents(row.share)]
        lines.append([row.name, amount(row.error.mean), ends(row.error), *share])
    return aligned(lines)


def in_words(measure: Measure) -> str:
    """Whether the prediction is better than the best baseline."""
    best = measure.best_baseline
    assert best.difference is not None
    gap = best.difference
    figure = f"{amount(abs(gap.mean))} {measure.unit}"
    part = abs(gap.mean) / best.error.mean if best.error.mean else math.nan
    share = "" if math.isnan(part) else f" ({100 * part:.1f} %)"
    interval = ends(gap, signed=True) or "[no interval]"
    if gap.high < 0:
        return (
            f"better than the best baseline: {figure} less{share} than {best.name}, "
            f"difference {interval}"
        )
    if gap.low > 0:
        return (
            f"not better than the best baseline: {figure} more{share} than {best.name}, "
            f"difference {interval}"
        )
    return (
        f"unresolved at this size: {amount(gap.mean, signed=True)} {measure.unit} against the best "
        f"baseline, {best.name}, difference {interval}"
    )


def flow_in_words(rows: tuple[FlowRow, ...]) -> str:
    """Whether the flow is at most half as wrong as none at all."""
    found = {row.name: row for row in rows}
    share = found[PREDICTION].share
    assert share is not None
    held = "at most half" if share.mean <= AIM else "more than half"
    return (
        f"flow: end-point error {amount(found[PREDICTION].error.mean)} px on digit pixels, "
        f"{_percent(share)} {_percents(share)} of zero flow's {amount(found[ZERO].error.mean)} px: "
        f"{held}"
    )


def amount(value: float, *, signed: bool = False) -> str:
    """An error as "341.2", or with three digits where it is small."""
    sign = "+" if signed else ""
    return f"{value:{sign}.1f}" if abs(value) >= 10 else f"{value:{sign}.3g}"


def ends(interval: Interval, *, signed: bool = False) -> str:
    """The ends of an interval as "[340.0, 342.4]"; nothing where they are unknown."""
    if math.isnan(interval.low):
        return ""
    low, high = (amount(end, signed=signed) for end in (interval.low, interval.high))
    return f"[{low}, {high}]"


def _percent(share: Interval) -> str:
    return f"{100 * share.mean:.1f} %"


def _percents(share: Interval) -> str:
    return "" if math.isnan(share.low) else f"[{100 * share.low:.1f}, {100 * share.high:.1f}]"
