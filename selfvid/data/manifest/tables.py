"""Tables of text cells on disk: CSV, which any program opens, or Parquet for large tables."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.errors import InputError
from selfvid.saving.whole import replacing

Cell = str | int | float | bool | None

_SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class Table:
    """Named columns of text, with the line number of each line in its file.

    Attributes:
        path: the file that was read.
        columns: names in the order of the file.
        lines: one mapping from column to text per line; an empty cell is "".
        numbers: the number of each line, counted as an editor counts (CSV) or from 1 (Parquet).
    """

    path: Path
    columns: tuple[str, ...]
    lines: tuple[Mapping[str, str], ...]
    numbers: tuple[int, ...]

    def place(self, index: int) -> str:
        """Return the name of line `index` for messages, as in "ut.csv line 7"."""
        word = "row" if self.path.suffix == ".parquet" else "line"
        return f"{self.path} {word} {self.numbers[index]}"


def check_suffix(path: Path) -> None:
    """Raise an InputError unless `path` ends in .csv or .parquet."""
    if path.suffix not in _SUFFIXES:
        raise InputError(f"table {str(path)!r} ends in {path.suffix!r}; expected .csv or .parquet")


def read_table(path: Path) -> Table:
    """Return the table at `path`.

    Raises:
        InputError: If the file is missing or unreadable, its suffix is unknown, or a column
            occurs twice.
    """
    check_suffix(path)
    if not path.is_file():
        raise InputError(f"table {str(path)!r} does not exist; expected a .csv or .parquet file")
    return _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)


def write_table(path: Path, columns: Sequence[str], lines: Iterable[Mapping[str, Cell]]) -> None:
    """Write `lines` to `path` completely or not at all; cells that a line lacks stay empty."""
    check_suffix(path)
    with replacing(path) as draft:
        if path.suffix == ".parquet":
            _write_parquet(draft, columns, list(lines))
        else:
            with draft.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
                writer = csv.writer(out, lineterminator="\n")
                writer.writerow(columns)
                writer.writerows([_text(line.get(name)) for name in columns] for line in lines)


def _read_csv(path: Path) -> Table:
    lines, numbers = [], []
    try:
        # utf-8-sig: spreadsheet programs write a byte order mark at the beginning.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            reader = csv.reader(text)
            columns = tuple(name.strip() for name in next(reader, ()))
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(columns):
                    raise InputError(
                        f"{path} line {reader.line_num} has {len(cells)} cells; "
                        f"expected {len(columns)} as in the header"
                    )
                lines.append(dict(zip(columns, cells, strict=True)))
                numbers.append(reader.line_num)
    except csv.Error as error:
        raise InputError(f"table {str(path)!r} is not CSV ({error})") from None
    _check_columns(path, columns)
    return Table(path, columns, tuple(lines), tuple(numbers))


def _read_parquet(path: Path) -> Table:
    import pyarrow
    import pyarrow.parquet

    try:
        # No memory map: the file may be replaced while the table is in use.
        table = pyarrow.parquet.ParquetFile(path, memory_map=False).read()
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"table {str(path)!r} is not Parquet ({reason})") from None
    columns = tuple(table.column_names)
    _check_columns(path, columns)
    lines = [{name: _text(cell) for name, cell in line.items()} for line in table.to_pylist()]
    return Table(path, columns, tuple(lines), tuple(range(1, len(lines) + 1)))


def _write_parquet(path: Path, columns: Sequence[str], lines: list[Mapping[str, Cell]]) -> None:
    import pyarrow
    import pyarrow.parquet

    arrays = {name: pyarrow.array([line.get(name) for line in lines]) for name in columns}
    pyarrow.parquet.write_table(pyarrow.table(arrays), path)


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    doubled = sorted({name for name in columns if columns.count(name) > 1})
    if doubled:
        raise InputError(f"table {str(path)!r} has column {doubled[0]!r} twice; expected it once")


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return str(cell)
