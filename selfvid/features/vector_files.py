"""Files of vectors, written row by row in bounded memory: Parquet, NumPy or CSV."""

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
_ROW_GROUP = 4096  # rows of Parquet in memory: 8 MB of 512 features, and few groups in a file


@dataclass(frozen=True, eq=False)
class Embedding:
    """One row of a file of vectors.

    Attributes:
        path: path of the video.
        video: content id of the video.
        start: time of the first frame that the encoder was given, in seconds.
        end: time of the last one.
        label: the video's label in the manifest, or "".
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
    """A file to which rows are added.

    `finish` completes the file. `close` releases it, complete or not.
    """

    @abstractmethod
    def add(self, rows: Sequence[Embedding]) -> None:
        """Append rows; all vectors have the same length."""

    @abstractmethod
    def finish(self) -> None:
        """Write everything that is not yet in the file."""

    @abstractmethod
    def close(self) -> None:
        """Release the file, complete or not."""


class ParquetFile(VectorFile):
    """A Parquet table with the columns path, video, start, end, label and vector.

    A vector is a list of float32.

    Args:
        path: the file to write.
    """

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
        """Append rows; they are written whenever a row group is full."""
        self._waiting += rows
        while len(self._waiting) >= _ROW_GROUP:
            self._write(self._waiting[:_ROW_GROUP])
            self._waiting = self._waiting[_ROW_GROUP:]

    def finish(self) -> None:
        """Write the last row group."""
        if self._waiting:
            self._write(self._waiting)

    def close(self) -> None:
        """Write the footer and close the file; pyarrow's writer cannot do one without the other."""
        self._file.close()

    def _write(self, rows: list[Embedding]) -> None:
        cells = ([_as_utf8(cell) for cell in row.cells] for row in rows)
        columns: list[Sequence[Any]] = list(zip(*cells, strict=True))
        columns.append([row.vector for row in rows])
        self._file.write_table(self._arrow.table(columns, schema=self._schema))


def _as_utf8(cell: str | float) -> str | float:
    """Return a cell for Parquet, whose texts are UTF-8; names of files may have other bytes."""
    return cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else cell


class CsvFile(VectorFile):
    """A CSV table with the columns path, video, start, end and label, then f0, f1, ... .

    Args:
        path: the file to write.
    """

    def __init__(self, path: Path) -> None:
        self._text = path.open("w", encoding="utf-8", errors="surrogateescape", newline="")
        self._table = csv.writer(self._text, lineterminator="\n")
        self._has_header = False

    def add(self, rows: Sequence[Embedding]) -> None:
        """Append rows as lines; the header comes before the first."""
        for row in rows:
            if not self._has_header:
                names = [f"f{place}" for place in range(len(row.vector))]
                self._table.writerow([*_COLUMNS, *names])
                self._has_header = True
            # str of a float32 is the shortest text that reads back as the same float32.
            self._table.writerow([*row.cells, *map(str, row.vector)])

    def finish(self) -> None:
        """Flush the text."""
        self._text.flush()

    def close(self) -> None:
        """Close the text file."""
        self._text.close()


class NumpyFile(VectorFile):
    """A NumPy archive with the arrays path, video, start, end, label (N,) and vectors (N, D).

    It can be read without pickle. Until `finish`, the vectors are kept in a temporary file,
    because their number is known only then.

    Args:
        path: the file to write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115
        self._cells: list[tuple[str, str, float, float, str]] = []
        self._width = 0

    def add(self, rows: Sequence[Embedding]) -> None:
        """Keep the cells in memory, and append the vectors to the temporary file."""
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
    """Check that a file of vectors can be written to `path`.

    Raises:
        InputError: If the suffix is unknown, the file exists and must not be replaced, or its
            folder does not exist.
    """
    if path.suffix not in _KINDS:
        raise InputError(f"out {str(path)!r} ends in {path.suffix!r}; expected {', '.join(_KINDS)}")
    if path.is_dir() or (path.exists() and not overwrite):
        raise InputError(f"out {str(path)!r} exists; expected a new file, or overwrite")
    if not path.absolute().parent.is_dir():
        raise InputError(
            f"out {str(path)!r} lies in a folder that does not exist; expected an existing folder"
        )


def open_vector_file(path: Path, *, suffix: str) -> VectorFile:
    """Open the kind of file that `suffix` names, at `path`."""
    return _KINDS[suffix](path)
