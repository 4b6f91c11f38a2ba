from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from selfvid.data.flow.folder import FlowFolder, StoredFlow, read_flow_video, write_rows
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.reader import DecodeError
from selfvid.errors import InputError
from tests.data.flow.examples import ROW, codes, written

MANIFEST = Manifest((Row(path="a.mp4", video="1", frames=7),), Path())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written(tmp_path / "a.mkv", codes(6, 8, 10))
    row = replace(ROW, bytes=(tmp_path / "a.mkv").stat().st_size)
    bad = replace(ROW, path="", video="2", source="b.mp4", status="bad", error="unreadable (text)")
    write_rows(tmp_path, [row, bad])
    return tmp_path


def test_the_table_comes_back_as_it_was(folder: Path) -> None:
    flow = FlowFolder(folder)
    assert flow.row("1") == replace(ROW, bytes=(folder / "a.mkv").stat().st_size)
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
    ("row", "options", "message"),
    [
        ({"video": "3"}, {}, "has no forward flow of video 'a.mp4'; expected"),
        ({"video": "2"}, {}, r"\(unreadable \(text\)\); expected it for all, run selfvid flow"),
        ({}, {"direction": "backward"}, "has no backward flow of video 'a.mp4'; expected"),
        ({}, {"size": (8, 8)}, "is 8x10; expected 8x8, run selfvid flow with that size"),
        ({"frames": 9}, {}, "is of 7 frames; the manifest says 9"),
    ],
)
def test_flow_that_does_not_fit_is_refused_in_one_line(
    folder: Path, row: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    manifest = Manifest((replace(MANIFEST.rows[0], **row),), Path())
    with pytest.raises(InputError, match=message) as error:
        FlowFolder(folder).require(manifest, **options)
    assert "\n" not in str(error.value)


def test_a_flow_video_that_is_gone_is_named(folder: Path) -> None:
    (folder / "a.mkv").unlink()
    with pytest.raises(InputError, match=r"flow of a\.mp4: file .*a\.mkv. is not there"):
        FlowFolder(folder).require(MANIFEST)


def test_a_flow_video_that_is_another_is_not_read(folder: Path) -> None:
    before = FlowFolder(folder).hash(MANIFEST)
    written(folder / "a.mkv", codes(6, 8, 10).flip(3))
    with (folder / "a.mkv").open("ab") as file:
        file.write(b"more")
    flow = FlowFolder(folder)
    with pytest.raises(InputError, match=r"flow of a\.mp4: file .*the table of its folder says"):
        flow.require(MANIFEST)
    with pytest.raises(DecodeError, match="the table of its folder says"):
        flow.read("1", [0])
    write_rows(folder, [replace(ROW, bytes=(folder / "a.mkv").stat().st_size)])
    assert FlowFolder(folder).hash(MANIFEST) != before


def test_a_folder_without_flow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no flow\.csv; expected a folder"):
        FlowFolder(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "../a.mkv"}, "line 2: path is '../a.mkv'; expected a plain name"),
        ({"path": "/etc/passwd"}, "expected a plain name"),
        ({"frames": "many"}, "line 2: frames is 'many'; expected a number"),
        ({"direction": "sideways"}, "direction is 'sideways'"),
        ({"status": "fine"}, "status 'fine'"),
    ],
)
def test_a_table_that_cannot_be_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    write_rows(tmp_path, [replace(ROW, **change)])
    with pytest.raises(InputError, match=message):
        FlowFolder(tmp_path)


def test_another_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flow.csv").write_text("path,video\na,b\n")
    with pytest.raises(InputError, match="has no column 'source'; expected one of selfvid flow"):
        FlowFolder(tmp_path)


@pytest.mark.parametrize("size", [(16, 16), (7, 9), (33, 50)])
@pytest.mark.parametrize("rate", [7.5, 29.97, 5000.0])
def test_every_code_comes_back(tmp_path: Path, size: tuple[int, int], rate: float) -> None:
    values = codes(10, *size)
    path = written(tmp_path / "flow.mkv", values, rate=rate)
    assert (read_flow_video(path, range(10)) == values).all()


def test_fields_come_in_the_order_asked(tmp_path: Path) -> None:
    values = codes(20, 8, 8)
    path = written(tmp_path / "flow.mkv", values)
    order = [17, 3, 3, 19, 0, 4]
    assert (read_flow_video(path, order) == values[order]).all()


def test_a_field_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "flow.mkv", codes(5, 8, 8))
    with pytest.raises(IndexError, match="frame 5 does not exist; expected 0 to 4"):
        read_flow_video(path, [4, 5])


def test_a_damaged_flow_video_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "flow.mkv", codes(5, 8, 8))
    path.write_bytes(bytes(range(256)))
    with pytest.raises(DecodeError, match="cannot be opened"):
        read_flow_video(path, [0])


def test_any_ffmpeg_reads_it_as_x_above_y(tmp_path: Path) -> None:
    values = codes(3, 6, 10)
    path = written(tmp_path / "flow.mkv", values)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "ffv1"
        assert container.metadata["COMMENT"] == "test"
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    for field, picture in zip(values.numpy(), pictures, strict=True):
        assert np.array_equal(picture[:6], field[0])
        assert np.array_equal(picture[6:], field[1])
