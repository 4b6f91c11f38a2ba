from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

import pytest

from selfvid.data.video import files
from selfvid.data.video.files import content_id, frame_images, is_image, natural
from selfvid.errors import InputError


def test_the_content_id_depends_on_bytes_and_not_on_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one.mp4", tmp_path / "two.mp4"
    one.write_bytes(bytes(range(200)))
    two.write_bytes(bytes(range(200)))
    assert content_id(one) == content_id(two)
    two.write_bytes(bytes(range(199)) + b"x")
    assert content_id(one) != content_id(two)
    monkeypatch.setattr(files, "_WHOLE", 100)
    monkeypatch.setattr(files, "_PART", 20)
    assert content_id(one) != content_id(two)  # they differ in the last part
    unread = bytearray(range(200))
    unread[50] = 0
    two.write_bytes(unread)
    assert content_id(one) == content_id(two)  # between the parts that are read


def test_the_content_id_of_a_folder_is_that_of_its_images_in_order(tmp_path: Path) -> None:
    contents = {"10.png": b"last", "9.png": b"second", "1.png": b"first image"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "notes.txt").write_text("not hashed")
    digest = hashlib.blake2b(digest_size=8)
    for content in (b"first image", b"second", b"last"):
        digest.update(len(content).to_bytes(8, "little") + content)
    assert content_id(tmp_path) == digest.hexdigest()


def test_natural_order_is_that_of_the_numbers_in_names() -> None:
    names = [f"frame{number}b{part}" for number in (0, 2, 9, 10, 100) for part in (1, 20)]
    shuffled = random.Random(0).sample(names, len(names))
    assert sorted(shuffled, key=natural) == names
    assert sorted(["a2", "a", "2", "b1", "a02x"], key=natural) == ["2", "a", "a2", "a02x", "b1"]


def test_names_with_digits_of_other_scripts_can_be_ordered() -> None:
    names = ["m\u00b2", "m\u00b210", "m\u00b29", "\u0663"]  # superscript two, Arabic three
    assert sorted(names, key=natural)[-2:] == ["m\u00b29", "m\u00b210"]


def test_images_are_recognised_by_suffix(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "c.mp4"):
        (tmp_path / name).touch()
    assert [file.name for file in frame_images(tmp_path)] == ["a.png", "b.JPG"]
    assert frame_images(tmp_path / "c.mp4") == [tmp_path / "c.mp4"]
    assert is_image(Path("x.JPEG"))
    assert not is_image(Path("png"))


def images(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.mark.parametrize(
    ("names", "frames"),
    [
        ("img_1.jpg img_2.jpg flow_x_1.jpg flow_x_2.jpg flow_y_1.jpg", "img_1.jpg img_2.jpg"),
        ("frame9.png frame10.png cover.png mask9.png", "frame9.png frame10.png"),
        ("001.jpg 002.jpg folder.jpg", "001.jpg 002.jpg"),
        ("1.jpg 2.JPG ._1.jpg ._2.JPG", "1.jpg 2.JPG"),
        ("10-59-59.png 11-00-59.png", "10-59-59.png 11-00-59.png"),
        ("cam1_1.png cam1_2.png", "cam1_1.png cam1_2.png"),
        ("first.png second.png", "first.png second.png"),
        ("IMG_7.jpg", "IMG_7.jpg"),
    ],
)
def test_the_frames_of_a_folder_are_one_numbering(tmp_path: Path, names: str, frames: str) -> None:
    folder = images(tmp_path, *names.split())
    assert [file.name for file in frame_images(folder)] == frames.split()


@pytest.mark.parametrize(
    ("names", "numberings"),
    [
        ("flow_x_1.jpg flow_x_2.jpg flow_y_1.jpg", r"flow_x_#.jpg \(2\), flow_y_#.jpg \(1\)"),
        ("cam1_1.png cam1_2.png cam2_1.png", r"cam1_#.png \(2\), cam2_#.png \(1\)"),
        ("1.jpg 1.png 2.jpg", r"#.jpg \(2\), #.png \(1\)"),
        ("img_1.jpg image_1.jpg", r"image_#.jpg \(1\), img_#.jpg \(1\)"),
        ("1_rgb.png 1_depth.png", r"#_depth.png \(1\), #_rgb.png \(1\)"),
    ],
)
def test_several_numberings_are_named(tmp_path: Path, names: str, numberings: str) -> None:
    folder = images(tmp_path / "v_A", *names.split())
    with pytest.raises(InputError, match=rf"found 2 numberings: {numberings} in 'v_A'"):
        frame_images(folder)


def test_a_pipe_has_no_content_id(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InputError, match="is not a regular file"):
        content_id(tmp_path / "pipe.mp4")
