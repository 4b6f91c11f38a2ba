"""Vectors to a file, row by row, in bounded memory: Parquet, NumPy or CSV."""

from __future__ import annotations

import csv
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfvid.errors import InputError

_COLUMNS = ("path", "video", "start", "end", "label")


@dataclass(frozen=True, eq=False)
class Embedding:
    """One row.

    Attributes:
        path: of the video.
        video: its content id.
        start: second of the first frame that was seen.
        end: second of the last one.
        label: what the manifest says that it shows, or "".
        vector: float32 (D,).
    """

    path: str
    video: str
    start: float
    end: float
    label: str
    vector: NDArray[np.float32]

    @property
    def cells(self) -> tuple[str, str, float, float, str]:
        """Everything but the vector."""
        return self.path, self.video, self.start, self.end, self.label


class VectorFile(ABC):
    """A file that rows are added to; `finish` completes it, `close` lets go of it either way."""

    @abstractmethod
    def add(self, rows: Sequence[Embedding]) -> None:
        """Append rows; all vectors have one width."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is left."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file, finished or not."""


class ParquetFile(VectorFile):
    """Columns path, video, start, end, label, and vector as a list of float.

    Args:
        path: where it is written.
    """

    _GROUP = 4096  # rows in a row group

    def __init__(self, path: Path) -> None:
        import pyarrow
        import pyarrow.parquet

        self._arrow = pyarrow
        text, number = pyarrow.string(), pyarrow.float64()
        kinds = (text, text, number, number, text, pyarrow.list_(pyarrow.float32()))
        self._schema = pyarrow.schema(list(zip((*_COLUMNS, "vector"), kinds, strict=True)))
        self._file = pyarrow.parquet.ParquetWriter(path, self._schema)
        self._waiting: list[Embedding] = []

    def add(self, rows: Sequence[Embedding]) -> None:
        """Append rows, writing each time that a row group is full."""
        self._waiting += rows
        while len(self._waiting) >= self._GROUP:
            self._write(self._waiting[: self._GROUP])
            self._waiting = self._waiting[self._GROUP :]

    def finish(self) -> None:
        """Write the last row group."""
        if self._waiting:
            self._write(self._waiting)

    def close(self) -> None:
        """Write the footer, for the writer has no other end."""
        self._file.close()

    def _write(self, rows: list[Embedding]) -> None:
        columns: list[Sequence[Any]] = list(zip(*(row.cells for row in rows), strict=True))
        columns.append([row.vector for row in rows])
        self._file.write_table(self._arrow.table(columns, schema=self._schema))


class CsvFile(VectorFile):
    """Columns path, video, start, end, label, and one for each feature: f0, f1 and so on.

    Args:
        path: where it is written.
    """

    def __init__(self, path: Path) -> None:
        self._text = path.open("w", encoding="utf-8", errors="surrogateescape", newline="")
        self._table = csv.writer(self._text, lineterminator="\n")
        self._begun = False

    def add(self, rows: Sequence[Embedding]) -> None:
        """Append lines, the header before the first."""
        for row in rows:
            if not self._begun:
                names = [f"f{place}" for place in range(len(row.vector))]
                self._table.writerow([*_COLUMNS, *names])
                self._begun = True
            # The shortest text that reads back as the same float32.
            self._table.writerow([*row.cells, *map(str, row.vector)])

    def finish(self) -> None:
        """Flush."""
        self._text.flush()

    def close(self) -> None:
        """Close the text."""
        self._text.close()


class NumpyFile(VectorFile):
    """Arrays path, video, start, end, label (N,) and vectors (N, D), to be read without pickle.

    Vectors wait in a temporary file, for their number is not known before the end.

    Args:
        path: where it is written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115
        self._cells: list[tuple[str, str, float, float, str]] = []
        self._width = 0

    def add(self, rows: Sequence[Embedding]) -> None:
        """Keep cells, and append vectors to the temporary file."""
        for row in rows:
            self._cells.append(row.cells)
            self._raw.write(row.vector.astype(np.float32).tobytes())
            self._width = len(row.vector)

    def finish(self) -> None:
        """Write all arrays."""
        self._raw.flush()
        shape = (len(self._cells), self._width)
        vectors = np.memmap(self._raw, np.float32, "r", shape=shape)
        columns = zip(_COLUMNS, zip(*self._cells, strict=True), strict=True)
        arrays: dict[str, Any] = {name: np.array(cells) for name, cells in columns}
        with self._path.open("wb") as file:
            np.savez(file, vectors=vectors, **arrays)

    def close(self) -> None:
        """Delete the temporary file."""
        self._raw.close()


_KINDS: dict[str, type[ParquetFile] | type[CsvFile] | type[NumpyFile]] = {
    ".parquet": ParquetFile,
    ".npz": NumpyFile,
    ".csv": CsvFile,
}


def check_output(path: Path, *, overwrite: bool) -> None:
    """Raise an InputError for a suffix that is unknown, a file that exists or a missing folder."""
    if path.suffix not in _KINDS:
        raise InputError(f"out {str(path)!r} ends in {path.suffix!r}; expected {', '.join(_KINDS)}")
    if path.is_dir() or (path.exists() and not overwrite):
        raise InputError(f"out {str(path)!r} exists; expected a new file, or overwrite")
    if not path.absolute().parent.is_dir():
        raise InputError(f"out {str(path)!r} lies in a folder that does not exist")


def open_vector_file(path: Path, *, suffix: str) -> VectorFile:
    """A file of the kind that `suffix` names, at `path`."""
    return _KINDS[suffix](path)
