from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest

from selfvid.data.video.decode import DecodeError, open_video
from selfvid.data.video.image_folder import ImageFolder
from tests.data.footage import numbers


def write_grey(file: Path, level: int, *, size: tuple[int, int] = (6, 8)) -> None:
    grey = np.full((*size, 3), level, np.uint8)
    av.VideoFrame.from_ndarray(grey, format="rgb24").save(file)


def test_a_folder_of_images_is_a_video_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        write_grey(tmp_path / f"{number}%d.png", 10 + 6 * number)
    (tmp_path / "notes.txt").write_text("not a frame")
    with open_video(tmp_path, size=(3, 4)) as reader:
        assert (reader.decoder, reader.frames, reader.rate) == ("images", 3, 25.0)
        assert (reader.height, reader.width, reader.codec) == (6, 8, "png")
        assert numbers(reader.read([0, 1, 2])) == [1, 2, 10]
        assert reader.read([1]).shape == (1, 3, 4, 3)
        (tmp_path / "2%d.png").write_bytes(b"")
        with pytest.raises(DecodeError, match=r"frame 1 \(2%d\.png\)"):
            reader.read([1])


def test_one_image_is_a_video_of_one_frame(tmp_path: Path) -> None:
    write_grey(tmp_path / "a.png", 100)
    write_grey(tmp_path / "b.png", 200)
    with open_video(tmp_path / "a.png") as reader:
        assert (reader.decoder, reader.frames) == ("images", 1)
        assert (reader.read([0]) == 100).all()


def test_a_folder_that_changed_is_listed_again(tmp_path: Path) -> None:
    write_grey(tmp_path / "1.png", 100)
    assert ImageFolder(str(tmp_path)).frames == 1
    write_grey(tmp_path / "2.png", 100)
    os.utime(tmp_path, ns=(0, tmp_path.stat().st_mtime_ns + 1))
    assert ImageFolder(str(tmp_path)).frames == 2


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DecodeError, match=r"the folder contains no images \(\.png, \.jpg"):
        ImageFolder(str(tmp_path))


def test_images_of_different_sizes_are_no_video_unless_they_are_resized(tmp_path: Path) -> None:
    write_grey(tmp_path / "1.png", 100)
    write_grey(tmp_path / "2.png", 100, size=(8, 6))
    with pytest.raises(DecodeError, match="differ in size"):
        ImageFolder(str(tmp_path)).read([0, 1])
    assert ImageFolder(str(tmp_path), size=(4, 4)).read([0, 1]).shape == (2, 4, 4, 3)


def test_a_folder_of_several_numberings_is_refused(tmp_path: Path) -> None:
    for name in ("flow_x_1.png", "flow_y_1.png"):
        write_grey(tmp_path / name, 100)
    with pytest.raises(DecodeError, match="found 2 numberings"):
        open_video(tmp_path)
