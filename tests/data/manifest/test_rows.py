from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import pytest

from selfvid.data.manifest.rows import (
    COLUMNS,
    Finding,
    Row,
    cells,
    file_name,
    parse_row,
    segment_id,
)
from selfvid.data.manifest.tables import Table
from selfvid.errors import InputError


def line(**texts: str) -> Table:
    """Return a table of one line."""
    return Table(Path("m.csv"), tuple(texts), (texts,), (2,))


def test_a_column_that_is_not_there_is_answered_with_those_that_are() -> None:
    row = Row(path="a", group="g1", columns={"digit": "7", "direction": "north"})
    assert row.column("digit") == "7"
    assert row.column("group") == "g1"
    with pytest.raises(InputError, match=r"'angle' .* label, split, group, digit, direction$"):
        row.column("angle")


def test_every_finding_is_a_field_of_a_row() -> None:
    """Fields of both have the same default, so a finding can be made from a row and back."""
    row = Row(path="a")
    assert {name: getattr(row, name) for name in asdict(Finding())} == asdict(Finding())
    assert {entry.name for entry in fields(Finding)} < set(COLUMNS)


def test_empty_cells_are_the_defaults() -> None:
    empty = {
        name: "" for name in COLUMNS if name not in ("path", "status", "timestamps", "verified")
    }
    assert parse_row(line(path="a", **empty), 0) == Row(path="a")
    assert parse_row(line(path="a"), 0) == Row(path="a")


def test_further_columns_stay_text_and_columns_that_are_not_wanted_are_not_read() -> None:
    table = line(path="a", digit="07", frames="many", end="2.5")
    row = parse_row(table, 0, only=("path", "end"))
    assert row == Row(path="a", end=2.5, columns={"digit": "07"})
    assert cells(row)["digit"] == "07"
    assert "columns" not in cells(row)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"timestamps": "true"}, "line 2: timestamps is 'true'; expected yes or no"),
        ({"start": "-1"}, "line 2: start is '-1'; expected a number, 0 or more"),
        ({"rate": "inf"}, "line 2: rate is 'inf'"),
        ({"frames": "1.5"}, "line 2: frames is '1.5'; expected a whole number, 0 or more"),
        ({"end": "0"}, "line 2: end is 0.0; expected more than start, 0.0"),
    ],
)
def test_a_cell_of_another_type_is_named(texts: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_row(line(path="a", **texts), 0)


def test_thumbnails_are_read_from_the_column_look_unless_there_is_a_new_one() -> None:
    assert parse_row(line(path="a", look="AAAA"), 0) == Row(path="a", thumbnails="AAAA")
    both = parse_row(line(path="a", look="happy", thumbnails="BBBB"), 0)
    assert both == Row(path="a", thumbnails="BBBB", columns={"look": "happy"})


def test_a_segment_is_identified_by_video_and_seconds() -> None:
    assert segment_id(Row(path="a", video="id")) == "id"
    assert segment_id(Row(path="a", video="id", start=1.5, end=2.0)) == "id@1.5-2"
    assert segment_id(Row(path="a", video="id", end=2.0)) == "id@0-2"
    assert segment_id(Row(path="a", video="id", start=1.5)) == "id@1.5-inf"


def test_an_id_as_a_file_name_stays_in_its_folder() -> None:
    assert file_name("0123abcd@1.5-2") == "0123abcd@1.5-2"
    folder = Path("/features")
    for text in ("../secret", "/etc/passwd", "a/b", "..\\x", "nul\0"):
        assert (folder / file_name(text)).parent == folder
    assert len({file_name(text) for text in ("a/b", "a%2Fb", "a b")}) == 3
