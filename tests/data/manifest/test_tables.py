from __future__ import annotations

import os
from pathlib import Path

import pytest

from selfvid.data.manifest import tables
from selfvid.data.manifest.tables import Cell, check_suffix, read_table, write_table
from selfvid.errors import InputError


def test_files_that_are_no_tables_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "m.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "m.xlsx").touch()
    for name, message in [
        ("m.parquet", "is not Parquet"),
        ("m.xlsx", "ends in '.xlsx'; expected .csv or .parquet"),
        ("none.csv", "does not exist"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            read_table(tmp_path / name)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_cells_come_back_as_text(tmp_path: Path, name: str) -> None:
    lines: list[dict[str, Cell]] = [
        {"a": 'x, "y"\nz', "n": 3, "r": 0.1, "b": True, "none": None},
        {"a": "w", "n": 4, "r": 1e-9, "b": False},
    ]
    write_table(tmp_path / name, ("a", "n", "r", "b", "none"), lines)
    table = read_table(tmp_path / name)
    assert table.columns == ("a", "n", "r", "b", "none")
    assert list(table.lines) == [
        {"a": 'x, "y"\nz', "n": "3", "r": "0.1", "b": "yes", "none": ""},
        {"a": "w", "n": "4", "r": "1e-09", "b": "no", "none": ""},
    ]


def test_places_are_the_lines_that_an_editor_shows(tmp_path: Path) -> None:
    """A quoted cell may have several lines, and blank lines are skipped but counted."""
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,"two\nlines"\n\n ,\n2,x\n')
    table = read_table(path)
    shown = path.read_text().splitlines()
    assert [line["a"] for line in table.lines] == ["1", "2"]
    assert table.place(1) == f"{path} line {shown.index('2,x') + 1}"
    write_table(tmp_path / "t.parquet", ("a",), [{"a": "1"}, {"a": "2"}])
    assert read_table(tmp_path / "t.parquet").place(1) == f"{tmp_path / 't.parquet'} row 2"


def test_a_byte_order_mark_and_spaces_in_the_header_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\ufeffpath, label \nv,a\n", encoding="utf-8")
    assert read_table(tmp_path / "t.csv").columns == ("path", "label")


def test_broken_tables_are_refused_and_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for text, message in [
        ("a,b\n1\n", r"t.csv line 2 has 1 cells; expected 2 as in the header"),
        ("a,b,a\n1,2,3\n", r"t.csv' has column 'a' twice; expected it once"),
    ]:
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_table(path)
    with pytest.raises(InputError, match=r"ends in '.CSV'; expected .csv or .parquet"):
        check_suffix(Path("t.CSV"))


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_names_that_are_no_utf8_come_back(tmp_path: Path, name: str) -> None:
    latin = os.fsdecode(b"caf\xe9.mp4")
    lines: list[dict[str, Cell]] = [{"path": latin, "label": "é"}, {"path": "a.mp4", "label": None}]
    write_table(tmp_path / name, ("path", "label"), lines)
    assert [line["path"] for line in read_table(tmp_path / name).lines] == [latin, "a.mp4"]
    assert read_table(tmp_path / name).lines[0]["label"] == "é"


def test_a_small_file_that_describes_an_enormous_table_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide, long = tmp_path / "wide.csv", tmp_path / "long.parquet"
    wide.write_text(",".join(f"c{number}" for number in range(10**6)) + "\n")
    with pytest.raises(InputError, match="has at least 1,000,000 columns; expected at most 10,000"):
        read_table(wide)
    write_table(long, ("path", "video"), [{"path": "a" * 99, "video": "b"}] * 3000)
    assert long.stat().st_size < 2000
    monkeypatch.setattr(tables, "_MOST_BYTES", 200_000)
    with pytest.raises(InputError, match="bytes; expected at most 200,000"):
        read_table(long)
    monkeypatch.setattr(tables, "_MOST_CELLS", 5999)
    with pytest.raises(InputError, match="has at least 6,000 cells; expected at most 5,999"):
        read_table(long)
