"""Figures and their pixels, names and PNG files."""

import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread

from selfvid.pictures import png_bytes, write_png
from selfvid.pictures.canvas import DOTS_PER_INCH, VERMILION, figure_of, pixels_of, short


def test_png_holds_the_same_pixels(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    read = imread(io.BytesIO(png_bytes(picture)))
    np.testing.assert_array_equal((read[..., :3] * 255).round().astype(np.uint8), picture)
    path = write_png(picture, tmp_path / "grid.png")
    assert path.read_bytes() == png_bytes(picture)
    assert [file.name for file in tmp_path.iterdir()] == ["grid.png"]


def test_long_names_keep_both_ends() -> None:
    name = "a/very/long/path/of/a/video/file.avi"
    assert short(name).startswith("a/very/long")
    assert short(name).endswith("video/file.avi")
    assert len(short(name)) == 28
    assert short("two\n lines") == "two lines"


@pytest.mark.parametrize("length", [1, 27, 28])
def test_names_that_fit_stay_as_they_are(length: int) -> None:
    assert short("x" * length) == "x" * length


def test_a_figure_has_as_many_pixels_as_its_inches_and_is_white() -> None:
    with figure_of((1.5, 0.5)) as figure:
        picture = pixels_of(figure)
    assert picture.shape == (0.5 * DOTS_PER_INCH, 1.5 * DOTS_PER_INCH, 3)
    assert picture.dtype == np.uint8
    assert (picture == 255).all()


def test_what_is_drawn_is_in_the_pixels_with_the_first_row_on_top() -> None:
    with figure_of((1.0, 1.0)) as figure:
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        axes.set_ylim(0, 1)
        axes.axhspan(0.5, 1.0, color=VERMILION, linewidth=0)
        picture = pixels_of(figure)
    colour = [int(VERMILION[at : at + 2], 16) for at in (1, 3, 5)]
    assert (picture[5:85, 5:-5] == colour).all()
    assert (picture[95:-5] == 255).all()


def test_the_style_lasts_only_as_long_as_the_figure_is_open() -> None:
    before = dict(mpl.rcParams)
    with figure_of((1.0, 1.0)):
        assert mpl.rcParams["text.parse_math"] is False
        assert dict(mpl.rcParams) != before
    assert dict(mpl.rcParams) == before
