import numpy as np
import pytest

from selfvid.pictures import Bar, differences
from selfvid.pictures.canvas import BAR, BLUE, VERMILION
from tests.pictures.test_charts import pixels_of

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
