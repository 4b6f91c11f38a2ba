from __future__ import annotations

import contextlib
import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from selfvid.errors import InputError
from selfvid.features.vector_files import Embedding, check_output, open_vector_file

ROWS = [
    Embedding(f"{n}.mp4", f"id{n}", n / 3, n + 0.5, "" if n else "a, b", vector)
    for n, vector in enumerate(np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32))
]


def _written(path: Path) -> Path:
    """A file of all rows, which come in three parts."""
    with contextlib.closing(open_vector_file(path, suffix=path.suffix)) as file:
        for part in (ROWS[:2], ROWS[2:6], ROWS[6:]):
            file.add(part)
        file.finish()
    return path


def test_text_reads_back_as_the_same_numbers(tmp_path: Path) -> None:
    with _written(tmp_path / "f.csv").open(newline="") as text:
        header, *lines = csv.reader(text)
    assert header == ["path", "video", "start", "end", "label", "f0", "f1", "f2"]
    for line, row in zip(lines, ROWS, strict=True):
        assert (line[0], line[1], float(line[2]), float(line[3]), line[4]) == row.cells
        assert np.array(line[5:], np.float32).tolist() == row.vector.tolist()


def test_arrays_are_read_without_pickle(tmp_path: Path) -> None:
    with np.load(_written(tmp_path / "f.npz"), allow_pickle=False) as arrays:
        assert arrays["vectors"].tolist() == [row.vector.tolist() for row in ROWS]
        names = ("path", "video", "start", "end", "label")
        cells = zip(*(arrays[name].tolist() for name in names), strict=True)
        assert list(cells) == [row.cells for row in ROWS]
    assert [path.name for path in tmp_path.iterdir()] == ["f.npz"]


def test_row_groups_of_parquet_hold_all_rows_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfvid.features.vector_files._ROW_GROUP", 3)
    path = _written(tmp_path / "f.parquet")
    about = pyarrow.parquet.ParquetFile(path).metadata
    assert [about.row_group(n).num_rows for n in range(about.num_row_groups)] == [3, 3, 1]
    table = pyarrow.parquet.read_table(path).to_pydict()
    assert table["vector"] == [row.vector.tolist() for row in ROWS]
    assert table["start"] == [row.start for row in ROWS]


def test_an_output_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    check_output(tmp_path / "new.csv", overwrite=False)
    there = tmp_path / "there.csv"
    there.write_text("mine")
    check_output(there, overwrite=True)
    with pytest.raises(InputError, match=r"there\.csv' exists; expected a new file, or overwrite"):
        check_output(there, overwrite=False)
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(InputError, match=r"folder\.npz' exists"):
        check_output(tmp_path / "folder.npz", overwrite=True)
    with pytest.raises(InputError, match=r"ends in '\.txt'; expected \.parquet, \.npz, \.csv"):
        check_output(tmp_path / "new.txt", overwrite=False)
    with pytest.raises(InputError, match="lies in a folder that does not exist"):
        check_output(tmp_path / "none" / "new.csv", overwrite=False)
