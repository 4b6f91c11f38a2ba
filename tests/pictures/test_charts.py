"""Charts are checked by their pixels: each part of a picture must be where it belongs."""

import numpy as np
import pytest
import torch

from selfvid.pictures import (
    Bar,
    Curve,
    Picture,
    bars,
    confusion,
    curves,
    differences,
    grid,
    heatmap,
    scatter,
)
from selfvid.pictures.canvas import BAR, BLUE, VERMILION


def pixels_of(picture: Picture, colour: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels that have exactly this colour."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    rows, columns = np.nonzero((picture == wanted).all(2))
    return rows, columns


def test_bars_are_as_long_as_their_values() -> None:
    rows = [Bar("encoder", 0.8, strong=True), Bar("baseline", 0.4)]
    picture = bars(rows, chance=0.2)
    left, right = (pixels_of(picture, BLUE)[1].min(), pixels_of(picture, BLUE)[1].max())
    _, grey = pixels_of(picture, BAR)
    assert left == pytest.approx(grey.min(), abs=2)
    assert (grey.max() - left) / (right - left) == pytest.approx(0.5, abs=0.02)
    _, line = pixels_of(picture[len(picture) // 4 :], VERMILION)
    assert (np.median(line) - left) / (right - left) == pytest.approx(0.25, abs=0.02)
    strong, plain = pixels_of(picture, BLUE)[0], pixels_of(picture, BAR)[0]
    assert strong.max() < plain.min()  # from top to bottom


def test_curve_rises_where_its_values_rise() -> None:
    picture = curves([Curve("loss", [0, 1, 2], [0.0, 1.0, 4.0])], x="step", y="loss")
    rows, columns = pixels_of(picture, BLUE)
    ends = [rows[columns == column].mean() for column in (columns.min() + 3, columns.max() - 3)]
    middle = rows[columns == round(float(columns.min() + columns.max()) / 2)].mean()
    assert (ends[0] - middle) / (ends[0] - ends[1]) == pytest.approx(0.25, abs=0.05)


def test_plain_curve_is_grey_and_named_curves_get_colours() -> None:
    lines = [
        Curve("baseline", [1, 2], [0.1, 0.2], plain=True),
        Curve("encoder", [1, 2], [0.5, 0.9]),
    ]
    picture = curves(lines, x="labels", y="accuracy", percent=True, ticks=[1, 2])
    assert pixels_of(picture, BLUE)[0].mean() < pixels_of(picture, BAR)[0].mean()


def test_confusion_is_darkest_where_most_votes_are() -> None:
    picture = confusion(np.diag([9, 9, 9]), ["a", "b", "c"])
    dark = [0x00, 0x39, 0x5C]
    rows, columns = np.nonzero((picture == dark).all(2))
    correlation = np.corrcoef(rows, columns)[0, 1]
    assert correlation > 0.8  # the diagonal runs down and to the right


@pytest.mark.parametrize("classes", [1, 20, 50])
def test_confusion_takes_any_number_of_classes(classes: int) -> None:
    picture = confusion(np.zeros((classes, classes)), [f"class {k}" for k in range(classes)])
    assert picture.shape[2] == 3


STRANGE = ["$\\frac{$", "a$b$c", "<b>&amp;</b>", "視頻 🎬", "two\nlines", "x" * 200, ""]


def test_names_of_strangers_are_drawn_as_they_are() -> None:
    bars([Bar(name, 0.5) for name in STRANGE])
    confusion(np.eye(len(STRANGE)), STRANGE)
    scatter(np.zeros((len(STRANGE), 2)), STRANGE, title=STRANGE[0])
    curves([Curve(name, [0, 1], [0, 1]) for name in STRANGE], x=STRANGE[0], y=STRANGE[1])
    grid([torch.zeros(1, 3, 8, 8, dtype=torch.uint8)] * len(STRANGE), captions=STRANGE)


def test_heatmap_and_scatter_draw_something_on_white() -> None:
    for picture in (
        heatmap(np.eye(5), title="similarity"),
        scatter(np.random.default_rng(0).normal(size=(50, 2)), ["a", "b"] * 25),
    ):
        assert picture.dtype == np.uint8
        assert (picture[0, 0] == 255).all()
        assert 0.01 < (picture < 250).any(2).mean() < 0.9


ROWS = [
    Bar("gain", 0.4, 0.2, 0.6, strong=True),
    Bar("nothing", 0.1, -0.1, 0.3),
    Bar("loss", -0.2, -0.3, -0.1, strong=True),
]


def test_gains_go_right_and_losses_left_as_far_as_they_are_large() -> None:
    picture = differences(ROWS, title="first minus second")
    gain, plain, loss = (pixels_of(picture, colour) for colour in (BLUE, BAR, VERMILION))
    assert gain[0].max() < plain[0].min() < plain[0].max() < loss[0].min()  # from top to bottom
    zero = gain[1].min()
    assert loss[1].max() == pytest.approx(zero, abs=4)
    assert (zero - loss[1].min()) / (gain[1].max() - zero) == pytest.approx(0.5, abs=0.03)
    assert (plain[1].max() - zero) / (gain[1].max() - zero) == pytest.approx(0.25, abs=0.03)


def test_bar_without_interval_and_a_single_row_are_drawn() -> None:
    assert pixels_of(differences([Bar("only", 0.0)], title="x"), BLUE)[0].size == 0
    picture = differences([Bar("only", -1.0)], title="x")
    assert pixels_of(picture, BAR)[0].size > 0


def test_of_very_many_rows_both_ends_are_drawn() -> None:
    values = np.linspace(1, -1, 400)
    many = [Bar(f"class {n}", value, strong=True) for n, value in enumerate(values.tolist())]
    picture = differences(many, title="x")
    assert picture.shape[0] < 5000
    assert picture.shape == differences(many[:60] + many[-60:], title="x").shape
    assert (picture == differences(many[:60] + many[-60:], title="x")).all()
