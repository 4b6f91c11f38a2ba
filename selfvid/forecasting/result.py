"""The result of `selfvid forecast`: figures, verdicts and protocol, as tables and as JSON."""

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
AIM = 0.5  # a learned flow should have at most half the error of zero flow


@dataclass(frozen=True, eq=False)
class ForecastResult:
    """The result of `selfvid forecast`.

    Attributes:
        heading: what was predicted, in one line.
        measures: errors of the prediction and the baselines, first in the unit of the loss.
        flow: end-point errors; empty unless flow is predicted and the true flow is known.
        verdicts: what the figures say, in plain sentences.
        pictures: names of the picture files next to ``result.json``.
        protocol: all settings, as plain data.
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
        """Write the result as JSON, completely or not at all; unknown numbers are null."""
        return write_result(self, path, kind=KIND)


def error_table(measure: Measure) -> str:
    """Return a table of the prediction and the baselines, over all steps and at three of them."""
    count = len(measure.prediction.steps)
    shown = sorted({0, (count - 1) // 2, count - 1})
    steps = [f"step {step + 1}" for step in shown]
    lines = [[measure.unit, "error", "95 % interval", *steps, "prediction minus it", ""]]
    for row in measure.rows:
        difference = ["", ""]
        if row.difference is not None:
            difference = [
                amount(row.difference.mean, signed=True),
                ends(row.difference, signed=True),
            ]
        by_step = [amount(row.steps[step].mean) for step in shown]
        lines.append([row.name, amount(row.error.mean), ends(row.error), *by_step, *difference])
    return aligned(lines)


def flow_table(rows: tuple[FlowRow, ...]) -> str:
    """Return a table of the end-point errors."""
    lines = [["flow on digit pixels", "end-point error, px", "95 % interval", "of zero flow's", ""]]
    for row in rows:
        share = ["", ""] if row.share is None else [_percent(row.share), _percents(row.share)]
        lines.append([row.name, amount(row.error.mean), ends(row.error), *share])
    return aligned(lines)


def in_words(measure: Measure) -> str:
    """Say whether the prediction is better than the best baseline."""
    best = measure.best_baseline
    assert best.difference is not None
    gap = best.difference
    figure = f"{amount(abs(gap.mean))} {measure.unit}"
    share = f" ({100 * abs(gap.mean) / best.error.mean:.1f} %)" if best.error.mean else ""
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
        f"unresolved at this size: {amount(gap.mean, signed=True)} {measure.unit} compared with "
        f"the best baseline, {best.name}, difference {interval}"
    )


def flow_in_words(rows: tuple[FlowRow, ...]) -> str:
    """Say whether the end-point error is at most half the error of zero flow."""
    by_name = {row.name: row for row in rows}
    prediction, zero = by_name[PREDICTION], by_name[ZERO]
    assert prediction.share is not None
    verdict = "at most half" if prediction.share.mean <= AIM else "more than half"
    return (
        f"flow: end-point error {amount(prediction.error.mean)} px on digit pixels, "
        f"{_percent(prediction.share)} {_percents(prediction.share)} of zero flow's "
        f"{amount(zero.error.mean)} px: {verdict}"
    )


def amount(value: float, *, signed: bool = False) -> str:
    """Return an error as text: "341.2", or with three digits if it is below 10."""
    sign = "+" if signed else ""
    return f"{value:{sign}.1f}" if abs(value) >= 10 else f"{value:{sign}.3g}"


def ends(interval: Interval, *, signed: bool = False) -> str:
    """Return the ends of an interval as text, "[340.0, 342.4]"; empty if they are unknown."""
    if math.isnan(interval.low):
        return ""
    low, high = (amount(end, signed=signed) for end in (interval.low, interval.high))
    return f"[{low}, {high}]"


def _percent(share: Interval) -> str:
    return f"{100 * share.mean:.1f} %"


def _percents(share: Interval) -> str:
    return "" if math.isnan(share.low) else f"[{100 * share.low:.1f}, {100 * share.high:.1f}]"
