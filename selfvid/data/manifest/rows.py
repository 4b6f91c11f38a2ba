"""One row of the manifest, and how to read it from a table and write it to one."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from urllib.parse import quote

from selfvid.data.manifest.tables import Cell, Table
from selfvid.errors import InputError

Status = Literal["ok", "duplicate", "bad"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The measured part of a manifest's row; `Row` describes each field.

    `error` says in words what is wrong with the video, or is "".
    """

    video: str = ""
    error: str = ""
    frames: int = 0
    rate: float = 0.0
    width: int = 0
    height: int = 0
    duration: float = 0.0
    bytes: int = 0
    modified: float = 0.0
    codec: str = ""
    decoder: str = ""
    timestamps: bool = False
    verified: bool = False
    damaged_frames: str = ""
    remarks: str = ""
    thumbnails: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One video, or one segment of it.

    Attributes:
        path: relative to the manifest's folder if below it, else absolute; "/" between parts.
        label: what the video shows, or "" if it has no label.
        split: "train", "test", "val", or "" if there is no fixed split.
        group: videos of one group are always on the same side of a split; "" if the video belongs
            to no group.
        start: first second of the segment, or None for the beginning of the video.
        end: last second of the segment, or None for the end of the video.
        columns: further columns, by name.
        status: "ok", "duplicate" (same bytes as an earlier row) or "bad".
        error: in words why the row is not "ok".
        near_duplicate_of: path of an earlier row that shows the same pictures, or "".
        frames: number of frames of the whole video that can be read, from the first one on.
        rate: frames per second, on average.
        width: pixels, as displayed.
        height: pixels, as displayed.
        duration: seconds.
        bytes: size of the file.
        modified: when the file was last changed, seconds since 1970.
        codec: name of the video codec.
        decoder: the decoder that reads the video: "decord", "pyav", "sequential" (PyAV without
            seeking) or "images".
        timestamps: whether every frame has a presentation time and the times increase.
        verified: whether random reads of the decoder were compared with decoding in order;
            manifests of earlier versions do not say so.
        damaged_frames: numbers of the frames that cannot be decoded, such as "98-148".
        remarks: in words what cannot be read of a usable video, or was repaired or chosen.
        video: content id, a hash of the file's bytes; "" if they could not be read.
        thumbnails: tiny pictures of the first, middle and last frame as text, for finding near
            duplicates.
    """

    path: str
    label: str = ""
    split: str = ""
    group: str = ""
    start: float | None = None
    end: float | None = None
    columns: dict[str, str] = field(default_factory=dict)
    status: Status = "ok"
    error: str = ""
    near_duplicate_of: str = ""
    frames: int = 0
    rate: float = 0.0
    width: int = 0
    height: int = 0
    duration: float = 0.0
    bytes: int = 0
    modified: float = 0.0
    codec: str = ""
    decoder: str = ""
    timestamps: bool = False
    verified: bool = False
    damaged_frames: str = ""
    remarks: str = ""
    video: str = ""
    thumbnails: str = ""

    def column(self, name: str) -> str:
        """Return the text in column `name`: label, split, group or one of the further columns.

        Raises:
            InputError: If there is no such column; the message names those that there are.
        """
        if name in ("label", "split", "group"):
            return str(getattr(self, name))
        if name not in self.columns:
            names = ", ".join(("label", "split", "group", *self.columns))
            raise InputError(f"column {name!r} is not in the manifest; expected one of {names}")
        return self.columns[name]


COLUMNS = tuple(entry.name for entry in dataclasses.fields(Row) if entry.name != "columns")

# Names that manifests written before a column was renamed still have.
_EARLIER_NAMES = {"look": "thumbnails"}


def cells(row: Row) -> dict[str, Cell]:
    """Return the row as one line of a table."""
    own: dict[str, Cell] = {name: getattr(row, name) for name in COLUMNS}
    return own | row.columns


def parse_row(table: Table, index: int, *, only: Collection[str] = COLUMNS) -> Row:
    """Return line `index` of a table as a row.

    Args:
        table: a table that has at least the column path.
        index: number of the line, from 0.
        only: the row's own columns to read; further columns are always kept as text.

    Raises:
        InputError: If a cell does not have the type of its column; the message names the file,
            the line and the cell.
    """
    line = _renamed(table.lines[index])
    values: dict[str, Any] = {"columns": {k: v for k, v in line.items() if k not in COLUMNS}}
    for entry in dataclasses.fields(Row):
        if entry.name in line and entry.name in only:
            try:
                values[entry.name] = _PARSERS[str(entry.type)](line[entry.name])
            except ValueError as error:
                raise InputError(
                    f"{table.place(index)}: {entry.name} is {line[entry.name]!r}; expected {error}"
                ) from None
    row = Row(**values)
    if not row.path:
        raise InputError(f"{table.place(index)}: path is empty; expected a file")
    if row.end is not None and row.end <= (row.start or 0.0):
        raise InputError(
            f"{table.place(index)}: end is {row.end}; expected more than start, {row.start or 0.0}"
        )
    return row


def segment_id(row: Row) -> str:
    """Return the row's content id; for a segment, followed by its seconds."""
    if row.start is None and row.end is None:
        return row.video
    end = math.inf if row.end is None else row.end
    return f"{row.video}@{row.start or 0.0:g}-{end:g}"


def file_name(of: str) -> str:
    """Return a content id, or the id of a segment, as a file name that is safe inside a folder.

    A manifest may come from anybody, and an id in it may be any text, for example ``../``.
    """
    return quote(of, safe="@")


def _renamed(line: Mapping[str, str]) -> Mapping[str, str]:
    """Return a line with the present names of columns that were renamed."""
    earlier = {old: new for old, new in _EARLIER_NAMES.items() if old in line and new not in line}
    return {earlier.get(name, name): cell for name, cell in line.items()} if earlier else line


def _whole(text: str) -> int:
    try:
        number = int(text or "0")
    except ValueError:
        number = -1
    if number < 0:
        raise ValueError("a whole number, 0 or more")
    return number


def _number(text: str) -> float:
    try:
        number = float(text or "0")
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise ValueError("a number, 0 or more")
    return number


def _number_or_none(text: str) -> float | None:
    return _number(text) if text.strip() else None


def _yes_or_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError("yes or no")
    return text == "yes"


def _status(text: str) -> Status:
    for status in get_args(Status):
        if text == status:
            return status
    raise ValueError("one of " + ", ".join(get_args(Status)))


# How to read a cell, by the type of the row's field. A parser raises ValueError with what it
# expected.
_PARSERS: dict[str, Callable[[str], object]] = {
    "str": str,
    "int": _whole,
    "float": _number,
    "float | None": _number_or_none,
    "bool": _yes_or_no,
    "Status": _status,
}
