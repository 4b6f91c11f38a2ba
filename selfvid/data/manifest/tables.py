"""Tables of text cells on disk: CSV, which any program opens, or Parquet for large tables."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.errors import InputError
from selfvid.saving.whole import replacing

Cell = str | int | float | bool | None

_SUFFIXES = (".csv", ".parquet")
# A small file may describe an enormous table, because Parquet stores equal rows only once.
_MOST_COLUMNS = 10_000
_MOST_CELLS = 100_000_000  # a manifest of five million videos
_MOST_BYTES = 8e9
_BYTES = ("utf-8", "surrogateescape")  # how Python writes file names that are not UTF-8
_BATCH = 1024  # rows that are read at once


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
        InputError: If the file is missing, unreadable or too large for memory, its suffix is
            unknown, or a column occurs twice.
    """
    check_suffix(path)
    if not path.is_file():
        raise InputError(f"table {str(path)!r} does not exist; expected a .csv or .parquet file")
    return _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)


def write_table(path: Path, columns: Sequence[str], lines: Iterable[Mapping[str, Cell]]) -> None:
    """Write `lines` to `path` completely or not at all; cells that a line lacks stay empty.

    A file name need not be UTF-8. CSV contains its bytes as they are; in Parquet, whose text must
    be UTF-8, a column with such a name consists of bytes.
    """
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
            _check_columns(path, columns)
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
    return Table(path, columns, tuple(lines), tuple(numbers))


def _read_parquet(path: Path) -> Table:
    import pyarrow
    import pyarrow.parquet

    try:
        # No memory map: the file may be replaced while the table is in use.
        with pyarrow.parquet.ParquetFile(path, memory_map=False) as file:
            rows, columns = file.metadata.num_rows, tuple(file.schema_arrow.names)
            _check_columns(path, columns)
            _check_size(path, rows * len(columns), most=_MOST_CELLS, what="cells")
            lines: list[Mapping[str, str]] = []
            size = 0
            for batch in file.iter_batches(_BATCH):
                size += batch.nbytes
                _check_size(path, size, most=_MOST_BYTES, what="bytes")
                for line in batch.to_pylist():
                    lines.append({name: _text(cell) for name, cell in line.items()})
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"table {str(path)!r} is not Parquet ({reason})") from None
    return Table(path, columns, tuple(lines), tuple(range(1, len(lines) + 1)))


def _write_parquet(path: Path, columns: Sequence[str], lines: list[Mapping[str, Cell]]) -> None:
    import pyarrow
    import pyarrow.parquet

    arrays = {
        name: pyarrow.array(_storable([line.get(name) for line in lines])) for name in columns
    }
    pyarrow.parquet.write_table(pyarrow.table(arrays), path)


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    _check_size(path, len(columns), most=_MOST_COLUMNS, what="columns")
    doubled = sorted(name for name, count in Counter(columns).items() if count > 1)
    if doubled:
        raise InputError(f"table {str(path)!r} has column {doubled[0]!r} twice; expected it once")


def _check_size(path: Path, size: int, *, most: float, what: str) -> None:
    if size > most:
        raise InputError(
            f"table {str(path)!r} has at least {size:,} {what}; expected at most {most:,.0f}"
        )


def _storable(cells: list[Cell]) -> list[Cell] | list[bytes | None]:
    """Return the cells of one column as Parquet can store them: bytes if they are not UTF-8."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    if all(text.isascii() or _is_utf8(text) for text in texts):
        return cells
    return [None if cell is None else str(cell).encode(*_BYTES) for cell in cells]


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bytes):
        return cell.decode(*_BYTES)
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return str(cell)
