from __future__ import annotations

import numpy as np

from selfvid.probing.baselines.histograms.descriptors import (
    PATCH,
    corner_places,
    grid_places,
    patches,
)

HALF = PATCH // 2


def test_the_grid_holds_every_patch_that_fits() -> None:
    expected = [
        [row, column]
        for row in range(HALF, 80 - HALF + 1, 16)
        for column in range(HALF, 100 - HALF + 1, 16)
    ]
    assert grid_places(80, 100, step=16).tolist() == expected


def test_a_patch_is_what_lies_around_its_place() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (70, 90, 3)).astype(np.uint8)
    places = np.array([[16, 16], [30, 74], [54, 20]])
    for place, patch in zip(places, patches(picture, places), strict=True):
        row, column = place - HALF
        expected = picture[row : row + PATCH, column : column + PATCH].transpose(2, 0, 1)
        assert (patch == expected).all()


def test_corners_of_a_square_are_found_where_they_are() -> None:
    picture = np.zeros((128, 128), np.uint8)
    picture[40:70, 50:90] = 255
    found = corner_places(picture, most=4)
    for corner in ([40, 50], [40, 89], [69, 50], [69, 89]):
        assert np.abs(found - corner).max(axis=1).min() <= 1


def test_patches_of_corners_lie_inside_the_picture() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (128, 128)).astype(np.uint8)
    found = corner_places(noise)
    assert len(found) == 24
    assert found.min() >= HALF
    assert found.max() <= 128 - HALF
    assert patches(noise, found).shape == (24, PATCH, PATCH)


def test_nothing_has_no_corners_and_no_patches() -> None:
    grey = np.full((128, 128), 9, np.uint8)
    assert corner_places(grey).shape == (0, 2)
    assert patches(grey, corner_places(grey)).shape == (0, PATCH, PATCH)
