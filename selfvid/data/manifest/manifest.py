"""The manifest: one row per video or labelled segment, as ``selfvid index`` writes it."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from selfvid.data.manifest.rows import COLUMNS, Row, Status, cells, parse_row, segment_id
from selfvid.data.manifest.tables import read_table, write_table
from selfvid.errors import InputError
from selfvid.saving.hashes import short_hash

__all__ = ["Manifest", "Row", "Status", "relative_path"]

# Columns that every indexed table has.
_NEEDED = ("path", "video", "status", "frames", "rate", "decoder")
_MOST_LISTED = 10  # classes that an error message lists: enough to recognise the column


@dataclass(frozen=True, eq=False, repr=False)
class Manifest:
    """Rows in a fixed order, and the folder that their relative paths start from.

    Attributes:
        rows: the videos and segments.
        root: the folder that relative paths of the rows start from.
    """

    rows: tuple[Row, ...]
    root: Path

    @staticmethod
    def read(path: str | Path) -> Manifest:
        """Return the manifest at `path`, a .csv or .parquet file that ``selfvid index`` wrote.

        Raises:
            InputError: If the file is missing, has no rows or was never indexed, or if a cell does
                not have the type of its column; the message then names file and line.
        """
        table = read_table(Path(path))
        missing = [name for name in _NEEDED if name not in table.columns]
        if missing and "path" in table.columns:
            raise InputError(
                f"table {str(path)!r} has no column {missing[0]!r}; "
                f"run `selfvid index {path} -o indexed.csv` first"
            )
        if missing:
            raise InputError(
                f"table {str(path)!r} has no column 'path'; expected a manifest of selfvid index"
            )
        if not table.lines:
            raise InputError(f"manifest {str(path)!r} has no rows; expected at least one video")
        rows = tuple(parse_row(table, index) for index in range(len(table.lines)))
        return Manifest(rows, Path(path).absolute().parent)

    @staticmethod
    def read_labelled(path: str | Path, column: str) -> Manifest:
        """Return the usable rows of the manifest at `path` that have a label in `column`.

        Raises:
            InputError: As `read`, and if no row is usable or the labels do not suffice for
                training (see `require_labels`).
        """
        usable = Manifest.read(path).usable
        if not len(usable):
            raise InputError(
                f"{str(path)!r} has no usable video; expected at least two of each class"
            )
        return usable.labelled(column)

    def write(self, path: str | Path) -> Manifest:
        """Write the rows to `path` (.csv or .parquet) completely or not at all.

        Returns:
            The manifest as it is in the file, its paths relative to the file's folder.
        """
        moved = self.moved(Path(path).absolute().parent)
        extra = list(dict.fromkeys(name for row in self.rows for name in row.columns))
        split_at = COLUMNS.index("end") + 1
        columns = [*COLUMNS[:split_at], *extra, *COLUMNS[split_at:]]
        write_table(Path(path), columns, [cells(row) for row in moved.rows])
        return moved

    def moved(self, root: Path) -> Manifest:
        """Return the same videos with their paths relative to the folder `root`."""
        if root == self.root:
            return self

        def moved(path: str) -> str:
            return relative_path(self.root / path, root) if path else ""

        rows = tuple(
            dataclasses.replace(
                row, path=moved(row.path), near_duplicate_of=moved(row.near_duplicate_of)
            )
            for row in self.rows
        )
        return Manifest(rows, root)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        count = Counter(row.status for row in self.rows)
        return f"Manifest({len(self)} rows, {count['ok']} ok, root={str(self.root)!r})"

    @property
    def usable(self) -> Manifest:
        """The rows that can be used for training and testing."""
        return self.select([row.status == "ok" for row in self.rows])

    def select(self, chosen: Sequence[int] | Sequence[bool] | np.ndarray) -> Manifest:
        """Return the rows at the given indices, in that order, or those where a mask is true."""
        places = np.asarray(chosen)
        if places.dtype == bool:
            if places.shape != (len(self),):
                raise ValueError(f"mask must be ({len(self)},), got {places.shape}")
            places = places.nonzero()[0]
        return Manifest(tuple(self.rows[int(place)] for place in places), self.root)

    def path_of(self, row: Row) -> Path:
        """Return the path of the row's video."""
        return self.root / row.path

    @property
    def paths(self) -> dict[str, str]:
        """The path of each video by its content id."""
        return {row.video: str(self.path_of(row)) for row in self.rows}

    def column(self, name: str) -> list[str]:
        """Return the text of column `name` of each row."""
        return [row.column(name) for row in self.rows]

    def classes(self, column: str = "label") -> list[str]:
        """Return the distinct texts of `column` in order; numbers are ordered as numbers."""
        found = set(self.column(column)) - {""}
        if all(text.lstrip("-").isdecimal() for text in found):
            return sorted(found, key=int)
        return sorted(found)

    def labels(self, column: str = "label", *, classes: Sequence[str] | None = None) -> np.ndarray:
        """Return the class index of every row.

        Args:
            column: the column of the labels.
            classes: the names that the indices point to, by default those of these rows. If these
                rows are part of a manifest, pass the `classes` of the whole manifest, so that an
                absent class does not change the other indices.

        Returns:
            Class indices, int64 (N,).

        Raises:
            InputError: If a row has no label or one that is not among `classes`.
        """
        names = self.classes(column) if classes is None else classes
        number = {name: index for index, name in enumerate(names)}
        for row in self.rows:
            if row.column(column) not in number:
                raise InputError(
                    f"{row.path} has {column} {row.column(column)!r}; "
                    f"expected one of {_listed(names)}"
                )
        return np.array([number[text] for text in self.column(column)], dtype=np.int64)

    @property
    def groups(self) -> np.ndarray:
        """The name of each row's group, text (N,).

        A group is a set of rows that must be on the same side of every split. Rows are in one
        group if they have the same text in the column group, the same content id or the same
        pictures (near duplicates), also through other rows. A row that shares nothing is a group
        of its own.
        """
        return _components(self.rows)

    def hash(self) -> str:
        """Return a short hash of the footage, which does not depend on the order of the rows."""
        pieces = sorted(f"{row.video} {row.start} {row.end}" for row in self.rows)
        return short_hash(pieces)

    def reading_hash(self, *columns: str) -> str:
        """Return a short hash of what a run reads of these rows, in their order.

        It covers the content id, the segment and the decoder of each row, and the text of
        `columns`. Paths, further columns and what `index` measured besides do not count. The order
        does, because the clips of a run are drawn by a video's place in its manifest.
        """
        pieces = [
            repr((segment_id(row), row.decoder, *(row.column(name) for name in columns)))
            for row in self.rows
        ]
        return short_hash(pieces)

    def labelled(self, column: str) -> Manifest:
        """Return the rows that have a label in `column`.

        Raises:
            InputError: If the labels do not suffice for training (see `require_labels`).
        """
        texts = self.column(column)
        chosen = self.select([bool(text) for text in texts]) if any(texts) else self
        chosen.require_labels(column)
        return chosen

    def require_labels(self, column: str = "label", *, least: int = 2) -> None:
        """Check that the labels in `column` suffice for training a classifier.

        Args:
            column: the column of the labels.
            least: least number of rows of each class.

        Raises:
            InputError: If a row has no label, there are fewer than two classes or as many classes
                as rows, or a class has fewer than `least` rows.
        """
        count = Counter(self.column(column))
        unlabelled = count.pop("", 0)
        if not count:
            raise InputError(
                f"column {column!r} is empty; expected labels, "
                "run `selfvid index` with --labels folder, a column or a list"
            )
        if unlabelled:
            raise InputError(f"{unlabelled} of {len(self)} rows have no {column}; expected none")
        if len(count) < 2:
            raise InputError(
                f"column {column!r} contains only {next(iter(count))!r}; expected 2 classes"
            )
        if len(count) >= len(self):
            raise InputError(
                f"column {column!r} has {len(count)} classes for {len(self)} rows; "
                "expected several rows per class"
            )
        rarest, rows = min(count.items(), key=lambda item: (item[1], item[0]))
        if rows < least:
            raise InputError(
                f"{column} {rarest!r} has {rows} row{'s' * (rows > 1)}; expected at least {least}"
            )


def relative_path(path: Path, root: Path) -> str:
    """Return `path` relative to `root` if it is below it, else absolute; "/" between parts."""
    plain = Path(os.path.normpath(path))
    return (plain.relative_to(root) if plain.is_relative_to(root) else plain).as_posix()


def _components(rows: Sequence[Row]) -> np.ndarray:
    """Return the name of each row's group.

    This is a union-find over everything that two rows may share. Each set is named after its first
    member in alphabetical order; a set without a group whose name is that of a group gets another.
    """
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def find(node: tuple[str, str]) -> tuple[str, str]:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for row in rows:
        shared = [("group", row.group), ("video", row.video), ("path", row.path)]
        if row.near_duplicate_of:
            shared.append(("path", row.near_duplicate_of))
        first, *others = [find(node) for node in shared if node[1]]
        for node in others:
            # "group" sorts before "path" and "video", so a set that has a group is named after it.
            low, high = sorted((find(first), find(node)))
            parent[high] = low
    sets = [find(("path", row.path)) for row in rows]
    taken = {name for kind, name in sets if kind == "group"}

    def named(kind: str, name: str) -> str:
        while kind != "group" and name in taken:
            name = f"{kind} {name}"
        return name

    return np.array([named(*each) for each in sets], dtype=np.str_)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_LISTED])
    return shown if len(names) <= _MOST_LISTED else f"{shown}, ... ({len(names)} in all)"
