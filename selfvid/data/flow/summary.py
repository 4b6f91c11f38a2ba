"""What a person reads before flow is computed and after."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from selfvid.saving.disk import told_bytes, told_seconds
from selfvid.data.flow.folder import FlowRow
from selfvid.data.flow.plan import Asked, Cost, Work
from selfvid.flow.quantise import flow_step

_MOST = 5  # faults that are listed one by one


def announce(todo: Sequence[Work], kept: int, asked: Asked, cost: Cost, folder: Path) -> str:
    """What is about to be done and what it will take."""
    size = "native size" if asked.size is None else f"{asked.size[0]}x{asked.size[1]}"
    there = f"; {kept} films are there already" if kept else ""
    processes = f"{asked.processes} process{'es' * (asked.processes > 1)}"
    free = f"{told_bytes(shutil.disk_usage(folder).free)} free"
    about = (
        f"{told_seconds(cost.seconds)} with {processes}, {told_bytes(cost.bytes)} of disk ({free})"
    )
    if not cost.seconds:
        about = "unknown: no video that was tried gives flow"
    return "\n".join(
        [
            f"flow       {len(todo)} videos, {sum(work.fields for work in todo):,} fields "
            f"({', '.join(asked.directions)}) at {size} by {asked.estimator.name}{there}",
            f"about      {about}",
        ]
    )


def summarise(
    rows: Sequence[FlowRow], todo: Sequence[Work], kept: int, *, seconds: float, folder: Path
) -> str:
    """What came of it, several lines of text."""
    whole = [row for row in rows if row.status == "ok"]
    bad = [row for row in rows if row.status == "bad"]
    names = {name for work in todo for name in work.films.values()}
    new = [row for row in whole if row.path in names]
    fields = sum(row.frames - 1 for row in new)
    lines = [
        f"computed   {len(new)} films, {fields:,} fields in {told_seconds(seconds)}"
        + (f" ({fields / seconds:.0f} a second)" if new else "")
        + (f"; {kept} were there already" if kept else "")
    ]
    if whole:
        lines += [_sizes(whole), _bounds(whole)]
    lines += [f"bad        {row.source}: {row.error}" for row in bad[:_MOST]]
    if len(bad) > _MOST:
        lines.append(f"           and {len(bad) - _MOST} more, in the column error")
    return "\n".join([*lines, f"written    {folder}"])


def _sizes(whole: Sequence[FlowRow]) -> str:
    fields = sum(row.frames - 1 for row in whole)
    size = sum(row.bytes for row in whole)
    plain = sum(2 * (row.frames - 1) * row.height * row.width for row in whole)
    share = f"{size / plain:.0%} of their eight bits"
    return f"disk       {told_bytes(size)} for {fields:,} fields, {share}"


def _bounds(whole: Sequence[FlowRow]) -> str:
    values = [(row.frames - 1) * row.height * row.width for row in whole]
    clipped = sum(row.clipped * count for row, count in zip(whole, values, strict=True)) / sum(
        values
    )
    bounds = sorted({row.bound for row in whole})
    told = " to ".join(f"{bound:g}" for bound in dict.fromkeys((bounds[0], bounds[-1])))
    worst = max(whole, key=lambda row: row.clipped)
    most = f", at most {worst.clipped:.2%} ({worst.source})" if clipped else ""
    return (
        f"bound      {told} pixels, error within it at most {flow_step(bounds[-1]) / 2:.3g}; "
        f"beyond it {clipped:.3%} of values{most}"
    )
