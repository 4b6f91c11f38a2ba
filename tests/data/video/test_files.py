from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from selfvid.data.video import files
from selfvid.data.video.files import content_id, frame_images, is_image, natural


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
