"""The matrix as text: tables of what has been run, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfvid.statistics.intervals import LEVEL
from tests.bench.matrix.columns import COUNTS, Column, Place, read
from tests.bench.matrix.sets import Target

RANDOM = "random weights"
_PROBED = ("linear probe", "kNN-5", *(f"{n} label{'s' * (n > 1)} per class" for n in COUNTS))
_HEADS: dict[str, Column] = {
    "LRCN": "lrcn",
    "GRU-RCN": "gru_rcn",
    "temporal stream": "temporal",
    "two-stream": "two_stream",
}
NONE = "–"


def tables(work: Path, places: Sequence[Place]) -> str:
    """Return the tables of all data sets: what has been run, and dashes for what has not."""
    parts = []
    for name in dict.fromkeys(place.data.name for place in places):
        own = [place for place in places if place.data.name == name]
        data = own[0].data
        for target in data.targets:
            parts += [f"### {data.name}: {target.name}", _probed(work, own, target, "probe")]
            parts += ["Test videos seen without labels:"]
            parts += [_probed(work, own, target, "transductive")]
        if data.heads:
            parts += ["Heads:", _heads(work, own)]
    return "\n\n".join(parts) + "\n"


def _probed(work: Path, places: Sequence[Place], target: Target, column: Column) -> str:
    """Return the table of a target: its rows, and below them the baselines."""
    lines = []
    baselines: dict[str, list[str]] = {}
    for place in places:
        found = read(work / place.probed(target, column) / "result.json")
        if found is None:
            lines.append([place.row.name, *[NONE] * len(_PROBED)])
            continue
        lines.append([place.row.name, *_probe_cells(found)])
        for row in found["rows"][1:]:
            if not row["name"].endswith((" at start", RANDOM)):
                baselines[row["name"]] = _baseline_cells(found, row)
    lines += [[f"*{name}*", *cells] for name, cells in baselines.items()]
    return markdown(["pretraining", *_PROBED], lines)


def _baseline_cells(found: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """Return the accuracies of a baseline in the four columns of a probe."""
    cells = [_figure(row["accuracy"])]
    cells.append(f"{100 * row['knn']['5']:.1f}" if row["knn"] else NONE)
    for count in COUNTS:
        points = _curve(found, "points", row["name"], count)
        cells.append(_figure(points[0]["accuracy"]) if points else NONE)
    return cells


def _probe_cells(found: Mapping[str, Any]) -> list[str]:
    """Return accuracy, and the difference to random weights, of the four columns of a probe."""
    own, called = found["rows"][0], found["rows"][0]["name"]
    cells = [_cell(own["accuracy"], found["differences"][RANDOM])]
    cells.append(f"{100 * own['knn']['5']:.1f} ({_signed(found['knn_differences'][RANDOM])})")
    for count in COUNTS:
        points = _curve(found, "points", called, count)
        gaps = _curve(found, "differences", RANDOM, count)
        cells.append(
            _cell(points[0]["accuracy"], gaps[0]["difference"]) if points and gaps else NONE
        )
    return cells


def _curve(found: Mapping[str, Any], part: str, variant: str, count: int) -> list[dict[str, Any]]:
    return [
        each
        for each in (found["curve"] or {part: []})[part]
        if (each["variant"], each["per_class"]) == (variant, count)
    ]


def _heads(work: Path, places: Sequence[Place]) -> str:
    lines = []
    for place in places:
        cells = []
        for column in _HEADS.values():
            found = read(work / place.top / f"{column}_compared" / "result.json")
            cells.append(NONE if found is None else _compared_cell(found))
        lines.append([place.row.name, *cells])
    return markdown(["pretraining", *_HEADS], lines)


def _compared_cell(found: Mapping[str, Any]) -> str:
    standing = found["standing"]
    # As `compare` does: the exact test over groups must agree with the interval.
    known = standing["p"] < 1 - LEVEL
    return _cell(found["runs"][0]["accuracy"], standing["difference"], bold=known)


def _cell(accuracy: Mapping[str, float], gap: Mapping[str, float], *, bold: bool = True) -> str:
    return f"{_figure(accuracy)} ({_signed(gap, bold=bold)})"


def _figure(interval: Mapping[str, float | None]) -> str:
    mean = interval["mean"]
    assert mean is not None
    low, high = interval["low"], interval["high"]
    ends = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * mean:.1f}{ends}"


def _signed(gap: Mapping[str, float | None], *, bold: bool = True) -> str:
    """Return a difference in points with its interval, bold if the interval leaves out zero.

    Args:
        gap: the difference.
        bold: whether it may be bold.
    """
    mean, low, high = gap["mean"], gap["low"], gap["high"]
    assert mean is not None
    if low is None or high is None:
        return f"{100 * mean:+.1f}"
    text = f"{100 * mean:+.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    return f"**{text}**" if bold and (low > 0 or high < 0) else text


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
