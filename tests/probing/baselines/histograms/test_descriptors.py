from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch

from selfvid.flow.estimate import DIS
from selfvid.probing.baselines.histograms.descriptors import (
    HUES,
    PATCH,
    SATURATIONS,
    colour_moments,
    corner_places,
    gradients,
    grid_places,
    hue_saturation,
    motion,
    patches,
)

HALF = PATCH // 2


def test_a_constant_picture_has_no_gradients() -> None:
    assert (gradients(np.full((2, PATCH, PATCH), 77, np.uint8)) == 0).all()


def test_a_ramp_has_one_direction_in_every_cell() -> None:
    ramp = np.tile(np.arange(PATCH, dtype=np.uint8) * 4, (PATCH, 1))
    across, down = gradients(np.stack((ramp, ramp.T))).reshape(2, 4, 8)
    for cells in (across, down):
        assert (np.count_nonzero(cells > 1e-6, axis=1) == 1).all()
    assert across.argmax(axis=1).tolist() == [0] * 4
    assert down.argmax(axis=1).tolist() == [4] * 4
    assert np.linalg.norm(across) == pytest.approx(1, abs=1e-3)


def test_gradients_care_neither_for_brightness_nor_for_contrast() -> None:
    dark = np.random.default_rng(0).integers(0, 60, (1, PATCH, PATCH)).astype(np.uint8)
    np.testing.assert_allclose(gradients(dark), gradients(3 * dark + 50), atol=1e-4)


@pytest.mark.parametrize(("shift", "b"), [((0, 2), 0), ((2, 0), 2), ((0, -2), 4), ((-2, 0), 6)])
def test_a_shifted_picture_moves_in_the_bin_of_its_direction(
    shift: tuple[int, int], b: int
) -> None:
    rough = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(rough, (96, 96), mode="bicubic").clamp(0, 1)
    earlier = (smooth[0] * 255).byte().expand(3, -1, -1)
    later = earlier.roll(shift, dims=(1, 2))
    field = DIS()(torch.stack((earlier, later)))[0]
    middle = field[:, 32 : 32 + PATCH, 32 : 32 + PATCH].numpy()[None]
    (found,) = motion(middle).reshape(1, 4, 8)
    assert found.argmax(axis=1).tolist() == [b] * 4
    assert found[:, b] ** 2 == pytest.approx(2, rel=0.15)


def test_without_displacement_there_is_no_motion() -> None:
    assert (motion(np.zeros((1, 2, PATCH, PATCH), np.float32)) == 0).all()


def test_colour_moments_match_arithmetic_by_hand() -> None:
    patch = np.zeros((1, 3, 2, 2), np.uint8)
    patch[0, 0] = 255
    patch[0, 1, 0, 0] = 255
    (found,) = colour_moments(patch)
    share = 0.25  # of green pixels that are on: a Bernoulli variable
    green = (share, (share * (1 - share)) ** 0.5)
    third = share * (1 - share) ** 3 - (1 - share) * share**3
    assert found == pytest.approx([1, green[0], 0, 0, green[1], 0, 0, third ** (1 / 3), 0])


def test_dark_tails_are_skewed_the_other_way() -> None:
    patch = np.full((1, 3, 2, 2), 255, np.uint8)
    patch[0, :, 0, 0] = 0
    assert (colour_moments(patch)[0, 6:] < 0).all()


def test_hue_and_saturation_are_counted_pixel_by_pixel() -> None:
    picture = np.random.default_rng(3).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    expected = np.zeros((HUES, SATURATIONS))
    for red, green, blue in picture.reshape(-1, 3) / 255:
        hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
        expected[int(hue * HUES) % HUES, min(int(saturation * SATURATIONS), SATURATIONS - 1)] += 1
    found = hue_saturation(picture).reshape(HUES, SATURATIONS)
    assert found.sum() == pytest.approx(1)
    # OpenCV rounds to two degrees, so that a few pixels cross an edge.
    assert np.abs(found - expected / 400).sum() < 0.05


def test_without_places_there_are_no_descriptors() -> None:
    assert gradients(np.zeros((0, PATCH, PATCH), np.uint8)).shape == (0, 32)
    assert motion(np.zeros((0, 2, PATCH, PATCH), np.float32)).shape == (0, 32)
    assert colour_moments(np.zeros((0, 3, PATCH, PATCH), np.uint8)).shape == (0, 9)


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


def test_corners_of_a_square_are_found() -> None:
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


def test_a_constant_picture_has_no_corners_and_no_patches() -> None:
    grey = np.full((128, 128), 9, np.uint8)
    assert corner_places(grey).shape == (0, 2)
    assert patches(grey, corner_places(grey)).shape == (0, PATCH, PATCH)
