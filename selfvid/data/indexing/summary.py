"""The summary that ``selfvid index`` prints at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.saving.printable import printable, shell_word
from selfvid.saving.whole import format_bytes, format_seconds

# Items that are listed one by one, few enough for a summary of one screen.
_MOST_BAD = 5
_MOST_LABELS = 12
_MOST_SIZES = 3


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts of what is not in the manifest.

    Attributes:
        reused: files that have not changed since the last time and were not opened.
        ignored: files in the folders that are not footage.
        unlisted: videos in the folders that no list names.
        missing: names in the lists of splits that have no file.
        gone: rows of an earlier manifest whose file no longer exists.
    """

    reused: int = 0
    ignored: int = 0
    unlisted: int = 0
    missing: int = 0
    gone: int = 0


def summarise(manifest: Manifest, tally: Tally, *, out: Path) -> str:
    """Return the summary, several lines of text."""
    kept = [row for row in manifest.rows if row.status == "ok"]
    lines = [_counts(manifest.rows, tally)]
    if kept:
        lines += [_amount(kept), _decoders(kept), *_labels(kept), *_groups(manifest, kept)]
    lines += _asides(tally) + _notes(kept)
    lines += _problems(manifest.rows)
    return "\n".join([*lines, *_next(kept, out)])


def fault_kind(row: Row) -> str:
    """Return the kind of what is wrong with a row, for counting."""
    if row.status == "duplicate":
        return "exact duplicates"
    for kind in ("no video stream", "too short", "damaged", "timed out", "not found"):
        if row.error.startswith(kind):
            return kind
    return "unreadable"


def _counts(rows: Sequence[Row], tally: Tally) -> str:
    faults = Counter(fault_kind(row) for row in rows if row.status != "ok")
    kinds = ", ".join(f"{count} {kind}" for kind, count in faults.most_common())
    kept = len(rows) - faults.total()
    again = f"; {tally.reused} unchanged since last time" if tally.reused else ""
    return f"{kept} of {len(rows)} kept" + (f" ({kinds})" if kinds else "") + again


def _amount(kept: Sequence[Row]) -> str:
    videos = {row.path: row for row in kept}.values()
    seconds = sum(row.duration for row in videos)
    size = sum(row.bytes for row in videos)
    frames = sorted(row.frames for row in videos)
    sizes = Counter(f"{row.width}x{row.height}" for row in videos)
    common = ", ".join(f"{name} ({count})" for name, count in sizes.most_common(_MOST_SIZES))
    hidden = len(sizes) - _MOST_SIZES
    more = f" and {hidden} other sizes" if hidden > 0 else ""
    return (
        f"footage    {format_seconds(seconds)} in {format_bytes(size)}, "
        f"{frames[0]} to {frames[-1]} frames "
        f"per video\nsizes      {common}{more}"
    )


def _decoders(kept: Sequence[Row]) -> str:
    readers = Counter(row.decoder for row in kept)
    counts = ", ".join(f"{name} reads {count}" for name, count in readers.most_common())
    without = sum(not row.timestamps for row in kept)
    note = f"; {without} without usable timestamps, so time is frame / rate" if without else ""
    return f"decoders   {counts}{note}"


def _labels(kept: Sequence[Row]) -> list[str]:
    count = Counter(row.label for row in kept)
    without = count.pop("", 0)
    if not count:
        return []
    shown = ", ".join(f"{printable(name)} {n}" for name, n in count.most_common(_MOST_LABELS))
    hidden = len(count) - _MOST_LABELS
    more = f", and {hidden} more down to {min(count.values())}" if hidden > 0 else ""
    none = f"; {without} without a label" if without else ""
    return [f"labels     {len(count)}: {shown}{more}{none}"]


def _groups(manifest: Manifest, kept: Sequence[Row]) -> list[str]:
    lines = []
    named = Counter(row.group for row in kept)
    without = named.pop("", 0)
    if named:
        largest, most = named.most_common(1)[0]
        none = f"; {without} rows in no group" if without else ""
        lines.append(f"groups     {len(named)}, the largest {printable(largest)} with {most}{none}")
    splits = Counter(row.split for row in kept if row.split)
    if splits:
        lines.append("splits     " + ", ".join(f"{name} {n}" for name, n in splits.items()))
    near = [row for row in manifest.rows if row.near_duplicate_of]
    if near:
        lines.append(
            f"alike      {len(near)} near duplicates, kept on one side of every split, such as "
            f"{printable(near[0].path)} of {printable(near[0].near_duplicate_of)}"
        )
    return lines


def _asides(tally: Tally) -> list[str]:
    notes = [
        (tally.ignored, "other files in the folders were ignored"),
        (tally.unlisted, "videos in the folders are in no list and were left out"),
        (tally.missing, "names in the lists of splits have no file"),
        (tally.gone, "rows of the earlier manifest were dropped because their files are gone"),
    ]
    return [f"note       {count} {words}" for count, words in notes if count]


def _notes(kept: Sequence[Row]) -> list[str]:
    noted = list({row.path: row for row in kept if row.remarks}.values())
    return _first("note", [(row, row.remarks) for row in noted], column="remarks")


def _problems(rows: Sequence[Row]) -> list[str]:
    bad = [(row, row.error) for row in rows if row.status == "bad"]
    return _first("bad", bad, column="error")


def _first(kind: str, found: Sequence[tuple[Row, str]], *, column: str) -> list[str]:
    """Return a line for each of the first rows, and how many more there are."""
    lines = [f"{kind:<10} {printable(row.path)}: {words}" for row, words in found[:_MOST_BAD]]
    if len(found) > _MOST_BAD:
        lines.append(f"{'':<10} and {len(found) - _MOST_BAD} more, in the column {column}")
    return lines


def _next(kept: Sequence[Row], out: Path) -> list[str]:
    lines = [f"written    {printable(out)}"]
    if kept:
        data = shell_word(out)
        lines.append(f"next       selfvid pretrain --config vicreg --data {data} --out runs/first")
    if kept and not any(row.label for row in kept):
        lines.append("           (to probe too, index with --labels folder, a column or a list)")
    return lines
