import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selfvid.data.clips.stills import shown_in, stills
from selfvid.data.indexing.command import index
from selfvid.data.video.decode import open_video
from tests.data.images import indexed_stills, turntable

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("suffix", [".png", ".pgm", ".bmp", ".ppm"])
def test_an_image_is_a_video_of_one_frame(tmp_path: Path, suffix: str) -> None:
    image = turntable(tmp_path, suffix=suffix)[0]
    with open_video(image) as video:
        assert video.frames == 1
        np.testing.assert_array_equal(video.read([0])[0, ..., 0], np.array(Image.open(image)))


def test_images_in_a_list_are_indexed_one_by_one(tmp_path: Path) -> None:
    manifest = indexed_stills(turntable(tmp_path / "images", suffix=".pgm"), tmp_path / "m.csv")
    assert [row.status for row in manifest.rows] == ["ok"] * 6
    assert {(row.frames, row.decoder) for row in manifest.rows} == {(1, "images")}
    assert (manifest.rows[0].height, manifest.rows[0].width) == (12, 10)


def test_stills_are_found_in_the_folders_that_show_them(tmp_path: Path) -> None:
    images = turntable(tmp_path / "images")
    single = stills(indexed_stills(images, tmp_path / "m.csv"))
    footage = index(tmp_path / "images", out=tmp_path / "f.csv", workers=1, quiet=True)
    assert [row.frames for row in footage.rows] == [3, 3]
    assert stills(footage) == []
    assert shown_in(footage, single) == set(single)
    assert shown_in(footage.select([1]), single) == set(single[3:])
    assert shown_in(footage, ["0123456789abcdef"]) == set()


def test_a_folder_that_grew_is_listed_anew(tmp_path: Path) -> None:
    images = turntable(tmp_path, objects=1)
    with open_video(images[0].parent) as video:
        assert video.frames == 3
    images[0].rename(images[0].with_name("7.png"))
    images[1].unlink()
    os.utime(images[0].parent, ns=(1, 1))
    with open_video(images[0].parent) as video:
        assert video.frames == 2
