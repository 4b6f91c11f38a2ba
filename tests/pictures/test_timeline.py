from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb

from selfvid.pictures import Stretch, timeline
from selfvid.pictures.timeline import COLOURS

LABELS = tuple(f"activity {number}" for number in range(14))


def coloured(picture: np.ndarray, label: int) -> int:
    """How many pixels have the colour of a label."""
    colour = np.round(255 * np.array(to_rgb(COLOURS[label % len(COLOURS)])))
    return int((np.abs(picture.astype(int) - colour).max(-1) <= 1).sum())


def drawn(truth: list[Stretch], found: list[Stretch]) -> np.ndarray:
    seconds = np.linspace(0, 60, 40)
    chances = np.full((40, len(LABELS)), 0.5)
    rows = [("truth", truth), ("prediction", found)]
    return timeline(rows, chances, seconds, labels=LABELS, duration=60.0, title="$x$ & <b>")


def test_what_goes_on_longer_covers_more_in_its_colour() -> None:
    picture = drawn([Stretch(0, 40, LABELS[0]), Stretch(40, 50, LABELS[1])], [])
    assert picture.dtype == np.uint8
    assert coloured(picture, 0) > 2 * coloured(picture, 1) > 0
    assert coloured(picture, 2) == 0


def test_an_activity_has_one_colour_in_every_row() -> None:
    once = drawn([Stretch(0, 20, LABELS[3])], [])
    twice = drawn([Stretch(0, 20, LABELS[3])], [Stretch(0, 20, LABELS[3])])
    assert coloured(twice, 3) > 1.5 * coloured(once, 3)


def test_nothing_at_all_and_more_activities_than_colours_are_drawn() -> None:
    assert drawn([], []).shape[2] == 3
    many = [Stretch(4 * at, 4 * at + 4, label) for at, label in enumerate(LABELS)]
    picture = drawn(many, many)
    assert all(coloured(picture, at) for at in range(len(COLOURS)))
