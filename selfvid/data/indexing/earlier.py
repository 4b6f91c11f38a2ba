"""What an earlier index of the same footage left: measurements and a person's edits."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from selfvid.data.manifest.finding import Finding
from selfvid.data.indexing.layouts import Entry
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.manifest.tables import read_table
from selfvid.errors import InputError

# These may end otherwise on another day, so they are tried again.
_PASSING = ("timed out", "reader died", "not found")


class Known:
    """The rows of an earlier manifest, and of the draft that an interrupted index left.

    Args:
        output: the earlier manifest, there or not.
        draft: the draft, there or not.

    Raises:
        InputError: where one of them is there and is no manifest.
    """

    def __init__(self, output: Path, draft: Path) -> None:
        self._output = output
        self._rows = _rows(output)
        self._measured = dict(self._rows + _rows(draft))

    def finding(self, path: Path, now: Finding, *, decoder: str) -> Finding | None:
        """What was measured of a file, or None where it has to be read (again).

        Args:
            path: the file.
            now: its size and time of change as they are now.
            decoder: which decoder the measurement must come from, or "auto".
        """
        row = self._measured.get(path)
        if row is None or not row.video or row.error.startswith(_PASSING):
            return None
        if (row.bytes, row.modified) != (now.bytes, now.modified):
            return None
        if decoder not in ("auto", row.decoder) and row.decoder != "images":
            return None
        names = [entry.name for entry in dataclasses.fields(Finding)]
        earlier = Finding(**{name: getattr(row, name) for name in names})
        # Whether a row is a duplicate depends on the other rows and is decided afresh.
        return earlier if row.status == "bad" else replace(earlier, error="")

    def keep_edits(self, entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], int]:
        """The entries with what the earlier manifest says where they say nothing.

        That is labels, splits, groups, further columns, and the segments of a video that is
        given whole.

        Returns:
            The entries, and how many earlier rows are dropped because their file is gone.

        Raises:
            InputError: where the earlier manifest has other footage, whose rows would be lost.
        """
        earlier: dict[Path, list[Row]] = {}
        for path, row in self._rows:
            earlier.setdefault(path, []).append(row)
        others = set(earlier) - {entry.path for entry in entries}
        lost = [path for path in others if path.exists()]
        if lost:
            raise InputError(
                f"output {str(self._output)!r} also holds {len(lost)} videos that are not in this "
                f"footage, such as {str(min(lost))!r}; expected the same footage or another output"
            )
        kept: list[Entry] = []
        for entry in entries:
            rows = earlier.get(entry.path, [])
            segment = (entry.start, entry.end)
            if segment != (None, None):
                rows = [row for row in rows if (row.start, row.end) == segment]
            kept += [_edited(entry, row) for row in rows] or [entry]
        return tuple(kept), sum(len(earlier[path]) for path in others)


def _edited(entry: Entry, row: Row) -> Entry:
    return replace(
        entry,
        label=entry.label or row.label,
        split=entry.split or row.split,
        group=entry.group or row.group,
        start=row.start,
        end=row.end,
        columns=row.columns | entry.columns,
    )


def _rows(path: Path) -> list[tuple[Path, Row]]:
    if not path.exists():
        return []
    if not path.is_file() or not {"path", "video", "status"} <= set(read_table(path).columns):
        raise InputError(
            f"output {str(path)!r} exists and is no manifest of selfvid index; "
            "expected a new file or such a manifest"
        )
    manifest = Manifest.read(path)
    return [(manifest.path_of(row), row) for row in manifest.rows]
