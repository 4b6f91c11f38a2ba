"""The manifest: one row per video or labelled segment, as indexing left it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from selfvid.data.manifest.rows import COLUMNS, Row, Status, cells, parse_row
from selfvid.data.manifest.tables import read_table, write_table
from selfvid.errors import InputError

__all__ = ["Manifest", "Row", "Status", "relative_path"]

_NEEDED = ("path", "video", "status", "frames", "rate", "decoder")


@dataclass(frozen=True, eq=False, repr=False)
class Manifest:
    """Rows in a fixed order, and the folder that their relative paths start from."""

    rows: tuple[Row, ...]
    root: Path

    @staticmethod
    def read(path: str | Path) -> Manifest:
        """The manifest at `path`, a .csv or .parquet that `selfvid index` wrote.

        Raises:
            InputError: for a missing file, no rows, a table that was never indexed, or a cell
                that is not what its column holds (naming file and line).
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
        """The usable rows of the manifest at `path` that have a label in `column`.

        Raises:
            InputError: as `read`, and where there are none, or labels that cannot be learned from.
        """
        usable = Manifest.read(path).usable
        if not len(usable):
            raise InputError(
                f"{str(path)!r} has no usable video; expected at least two of each class"
            )
        return usable.labelled(column)

    def write(self, path: str | Path) -> Manifest:
        """Write the rows to `path` (.csv or .parquet), whole or not at all.

        Returns:
            The manifest as it stands in the file, its paths relative to the file's folder.
        """
        moved = self.moved(Path(path).absolute().parent)
        extra = list(dict.fromkeys(name for row in self.rows for name in row.columns))
        split_at = COLUMNS.index("end") + 1
        columns = [*COLUMNS[:split_at], *extra, *COLUMNS[split_at:]]
        write_table(Path(path), columns, [cells(row) for row in moved.rows])
        return moved

    def moved(self, root: Path) -> Manifest:
        """The same videos with their paths told from the folder `root`."""
        if root == self.root:
            return self

        def told(path: str) -> str:
            return relative_path(self.root / path, root) if path else ""

        rows = tuple(
            dataclasses.replace(
                row, path=told(row.path), near_duplicate_of=told(row.near_duplicate_of)
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
        """The rows that can be trained and tested on."""
        return self.select([row.status == "ok" for row in self.rows])

    def select(self, chosen: Sequence[int] | Sequence[bool] | np.ndarray) -> Manifest:
        """The rows at the given indices, in that order, or where a mask is true."""
        places = np.asarray(chosen)
        if places.dtype == bool:
            if places.shape != (len(self),):
                raise ValueError(f"mask must be ({len(self)},), got {places.shape}")
            places = places.nonzero()[0]
        return Manifest(tuple(self.rows[int(place)] for place in places), self.root)

    def path_of(self, row: Row) -> Path:
        """Where the row's video lies."""
        return self.root / row.path

    def column(self, name: str) -> list[str]:
        """The text of column `name`, one per row."""
        return [row.column(name) for row in self.rows]

    def classes(self, column: str = "label") -> list[str]:
        """The distinct texts of `column` in order; numbers are ordered as numbers."""
        found = set(self.column(column)) - {""}
        if all(text.lstrip("-").isdecimal() for text in found):
            return sorted(found, key=int)
        return sorted(found)

    def labels(self, column: str = "label", *, classes: Sequence[str] | None = None) -> np.ndarray:
        """The class index of every row.

        Args:
            column: where the labels stand.
            classes: what the indices point into; pass the whole manifest's `classes` when this
                is a part of it, so that an absent class does not shift the others.

        Returns:
            int64 (N,).

        Raises:
            InputError: where a row has no label or one that is not among `classes`.
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
        """What must stay on one side of a split, as text (N,).

        Rows belong together when they share a group, a content id or the same pictures (near
        duplicates); a video without a group of its own is named by its content id.
        """
        return _components(self.rows)

    def hash(self) -> str:
        """A short hash of which footage this is, whatever the order of its rows."""
        pieces = sorted(f"{row.video} {row.start} {row.end}" for row in self.rows)
        return hashlib.blake2b("\n".join(pieces).encode(), digest_size=8).hexdigest()

    def labelled(self, column: str) -> Manifest:
        """The rows that have a label in `column`.

        Raises:
            InputError: where they cannot be learned from.
        """
        texts = self.column(column)
        chosen = self.select([bool(text) for text in texts]) if any(texts) else self
        chosen.require_labels(column)
        return chosen

    def require_labels(self, column: str = "label", *, least: int = 2) -> None:
        """Check that `column` can be learned from.

        Args:
            column: where the labels stand.
            least: how many rows every class needs.

        Raises:
            InputError: for rows without a label, fewer than two classes, as many classes as
                rows, or a class with fewer than `least` rows.
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
                f"column {column!r} holds only {next(iter(count))!r}; expected 2 classes"
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
    """`path` told from `root` when it lies below it, else absolute, with "/" between parts."""
    plain = Path(os.path.normpath(path))
    return (plain.relative_to(root) if plain.is_relative_to(root) else plain).as_posix()


def _components(rows: Sequence[Row]) -> np.ndarray:
    """Union-find over everything two rows may share; each set is named after its first member."""
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
            # "group" sorts before "path" and "video", so that a set is named by a group it has.
            low, high = sorted((find(first), find(node)))
            parent[high] = low
    return np.array([find(("path", row.path))[1] for row in rows], dtype=np.str_)


def _listed(names: Sequence[str], most: int = 10) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, ... ({len(names)} in all)"
