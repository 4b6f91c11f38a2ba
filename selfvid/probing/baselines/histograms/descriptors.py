"""Descriptors of patches: gradients, motion and colours in a few numbers.

A patch is a square of `PATCH` pixels a side around a place, which is a pixel of the picture.
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage.feature import hog

from selfvid.flow.histograms import direction_histograms

Floats = NDArray[np.float32]
Places = NDArray[np.int64]
Pixel = TypeVar("Pixel", bound=np.generic)

PATCH = 32  # pixels a side: a quarter of the side of the pictures that are described
CELLS = 2  # along each side of a patch
DIRECTIONS = 8  # with 2 x 2 cells, a patch has 32 numbers
HUES, SATURATIONS = 8, 4  # bins of the colour histogram
_HUES_OF_OPENCV, _SATURATIONS_OF_OPENCV = 180, 256  # values of 8-bit HSV in OpenCV
_CORNERS = 24  # of one picture: half as many as there are places on the grid
_QUALITY = 0.01  # least quality of a corner relative to the best one, as in OpenCV's examples
_APART = 6  # pixels between corners at least, so that one object does not take all of them


def grid_places(height: int, width: int, *, step: int = PATCH // 2) -> Places:
    """Return the centres of patches inside the picture, every `step` pixels.

    Returns:
        (n, 2), row before column.
    """
    rows = np.arange(PATCH // 2, height - PATCH // 2 + 1, step)
    columns = np.arange(PATCH // 2, width - PATCH // 2 + 1, step)
    return np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)


def corner_places(grey: NDArray[np.uint8], *, most: int = _CORNERS) -> Places:
    """Return the strongest corners, after Shi and Tomasi (1994), whose patches lie inside.

    Args:
        grey: picture, (H, W).
        most: largest number of corners.

    Returns:
        Centres (n, 2), row before column; n is 0 if the picture has no corners.
    """
    inside = np.zeros_like(grey)
    margin = PATCH // 2
    inside[margin : grey.shape[0] - margin + 1, margin : grey.shape[1] - margin + 1] = 1
    found = cv2.goodFeaturesToTrack(grey, most, _QUALITY, _APART, mask=inside)  # (n, 1, 2), x y
    if found is None:
        return np.zeros((0, 2), np.int64)
    return found.reshape(-1, 2)[:, ::-1].astype(np.int64)


def patches(picture: NDArray[Pixel], places: Places) -> NDArray[Pixel]:
    """Return the patch around each place.

    Args:
        picture: (H, W) or (H, W, C).
        places: centres, (n, 2).

    Returns:
        (n, PATCH, PATCH) or (n, C, PATCH, PATCH).
    """
    windows = np.lib.stride_tricks.sliding_window_view(picture, (PATCH, PATCH), axis=(0, 1))
    rows, columns = (places - PATCH // 2).T
    return np.asarray(windows[rows, columns])


def gradients(patches: NDArray[np.uint8]) -> Floats:
    """Return histograms of oriented gradients, after Dalal and Triggs (2005).

    Args:
        patches: grey, (n, PATCH, PATCH).

    Returns:
        (n, 32): 2x2 cells of 8 directions, normalised together; zeros for a constant patch.
    """
    made = np.zeros((len(patches), CELLS * CELLS * DIRECTIONS), np.float32)
    for place, patch in enumerate(patches):
        made[place] = hog(
            patch,
            orientations=DIRECTIONS,
            pixels_per_cell=(PATCH // CELLS, PATCH // CELLS),
            cells_per_block=(CELLS, CELLS),
        )
    return made


def motion(patches: NDArray[np.float32]) -> Floats:
    """Return histograms of the directions of flow.

    Args:
        patches: displacement in pixels, x before y, (n, 2, PATCH, PATCH).

    Returns:
        (n, 32): roots of the mean displacement in 2x2 cells and 8 directions, the first of them
        to the right.
    """
    found = direction_histograms(torch.from_numpy(patches), grid=CELLS, bins=DIRECTIONS)
    return np.asarray(found.flatten(1).sqrt().numpy())


def colour_moments(patches: NDArray[np.uint8]) -> Floats:
    """Return mean, deviation and skew of each channel, after Stricker and Orengo (1995).

    Args:
        patches: (n, 3, H, W).

    Returns:
        (n, 9) with black 0 and white 1: three means, three standard deviations, three cube roots
        of the third central moment.
    """
    pixels = patches.astype(np.float32) / 255
    mean = pixels.mean(axis=(2, 3))  # (n, 3)
    centred = pixels - mean[..., None, None]  # (n, 3, H, W)
    squares = centred * centred
    deviation = np.sqrt(squares.mean(axis=(2, 3)))
    skew = np.cbrt((squares * centred).mean(axis=(2, 3)))
    return np.concatenate((mean, deviation, skew), axis=1)


def hue_saturation(picture: NDArray[np.uint8]) -> Floats:
    """Return the histogram of hue and saturation of a picture (H, W, 3), as shares, (8 x 4,)."""
    hue, saturation, _ = np.moveaxis(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).astype(int), -1, 0)
    place = hue * HUES // _HUES_OF_OPENCV * SATURATIONS
    place += saturation * SATURATIONS // _SATURATIONS_OF_OPENCV
    counts = np.bincount(place.ravel(), minlength=HUES * SATURATIONS)
    return (counts / counts.sum()).astype(np.float32)
