from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.data.flow.folder import FlowFolder, FlowRow, StoredFlow, write_rows
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.errors import InputError
from tests.data.flow.test_flow_video import codes, written

ROW = FlowRow(
    path="a.mkv",
    video="1",
    source="a.mp4",
    direction="forward",
    status="ok",
    error="",
    frames=7,
    height=8,
    width=10,
    bound=12.7,
    clipped=0.25,
    bytes=9,
    estimator="dis",
    settings='{"preset": "medium"}',
)
MANIFEST = Manifest((Row(path="a.mp4", video="1", frames=7),), Path())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written(tmp_path / "a.mkv", codes(6, 8, 10))
    bad = replace(ROW, path="", video="2", source="b.mp4", status="bad", error="unreadable (text)")
    write_rows(tmp_path, [ROW, bad])
    return tmp_path


def test_the_table_comes_back_as_it_was(folder: Path) -> None:
    flow = FlowFolder(folder)
    assert flow.row("1") == ROW
    assert flow.rows[1].error == "unreadable (text)"


def test_fields_come_with_what_they_stand_for(folder: Path) -> None:
    found = FlowFolder(folder).read("1", [4, 0])
    values = codes(6, 8, 10)[[4, 0]]
    assert (found.codes == values).all()
    assert torch.allclose(found.pixels(), (values.float() - 128) * 0.1)


def test_pixels_are_computed_where_they_are_needed() -> None:
    stored = StoredFlow(codes(1, 2, 2), 12.7)
    assert stored.pixels("meta").device.type == "meta"


def test_flow_that_fits_is_let_through(folder: Path) -> None:
    FlowFolder(folder).require(MANIFEST)
    FlowFolder(folder).require(MANIFEST, size=(8, 10))


@pytest.mark.parametrize(
    ("row", "asked", "said"),
    [
        ({"video": "3"}, {}, "has no forward flow of video 'a.mp4'; expected"),
        ({"video": "2"}, {}, r"\(unreadable \(text\)\); expected it for all, run selfvid flow"),
        ({}, {"direction": "backward"}, "has no backward flow of video 'a.mp4'; expected"),
        ({}, {"size": (8, 8)}, "is 8x10; expected 8x8, run selfvid flow with that size"),
        ({"frames": 9}, {}, "is of 7 frames; the manifest says 9"),
    ],
)
def test_flow_that_does_not_fit_is_said_in_one_line(
    folder: Path, row: dict[str, Any], asked: dict[str, Any], said: str
) -> None:
    manifest = Manifest((replace(MANIFEST.rows[0], **row),), Path())
    with pytest.raises(InputError, match=said) as error:
        FlowFolder(folder).require(manifest, **asked)
    assert "\n" not in str(error.value)


def test_a_film_that_is_gone_is_named(folder: Path) -> None:
    (folder / "a.mkv").unlink()
    with pytest.raises(InputError, match=r"lacks the file a\.mkv of video a\.mp4"):
        FlowFolder(folder).require(MANIFEST)


def test_a_folder_without_flow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no flow\.csv; expected a folder"):
        FlowFolder(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": "../a.mkv"}, "line 2: path is '../a.mkv'; expected a plain name"),
        ({"path": "/etc/passwd"}, "expected a plain name"),
        ({"frames": "many"}, "line 2: frames is 'many'; expected a number"),
        ({"direction": "sideways"}, "direction is 'sideways'"),
        ({"status": "fine"}, "status 'fine'"),
    ],
)
def test_a_table_that_cannot_be_is_refused(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    write_rows(tmp_path, [replace(ROW, **change)])
    with pytest.raises(InputError, match=said):
        FlowFolder(tmp_path)


def test_another_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flow.csv").write_text("path,video\na,b\n")
    with pytest.raises(InputError, match="has no column 'source'; expected one of selfvid flow"):
        FlowFolder(tmp_path)
