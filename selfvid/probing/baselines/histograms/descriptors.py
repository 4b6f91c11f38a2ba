"""What a patch looks like, in a few numbers: its gradients, its motion, its colours."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage.feature import hog

from selfvid.probing.baselines.flow_histograms import direction_histogram

Floats = NDArray[np.float32]

DIRECTIONS = 8
CELLS = 2  # along each side of a patch
HUES, SATURATIONS = 8, 4
_HUES_OF_OPENCV, _SATURATIONS_OF_OPENCV = 180, 256


def gradients(patches: NDArray[np.uint8]) -> Floats:
    """Histograms of oriented gradients, after Dalal and Triggs (2005).

    Args:
        patches: grey, (n, PATCH, PATCH).

    Returns:
        (n, 32): 2x2 cells of 8 directions, normalised together; zeros where nothing changes.
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
    """Histograms of the directions of flow.

    Args:
        patches: pixels of displacement, x before y, (n, 2, PATCH, PATCH).

    Returns:
        (n, 32): roots of the mean displacement in 2x2 cells and 8 directions, the first of them
        to the right.
    """
    made = np.zeros((len(patches), CELLS * CELLS * DIRECTIONS), np.float32)
    for place, patch in enumerate(torch.from_numpy(patches)):
        made[place] = direction_histogram(patch[None], grid=CELLS, bins=DIRECTIONS).flatten()
    return np.sqrt(made)


def colour_moments(patches: NDArray[np.uint8]) -> Floats:
    """Mean, deviation and skew of each channel, after Stricker and Orengo (1995).

    Args:
        patches: (n, 3, H, W).

    Returns:
        (n, 9) with black 0 and white 1: three means, three standard deviations, three cube roots
        of the third central moment.
    """
    pixels = patches.astype(np.float32) / 255
    mean = pixels.mean(axis=(2, 3))
    apart = pixels - mean[..., None, None]
    squares = apart * apart
    deviation = np.sqrt(squares.mean(axis=(2, 3)))
    skew = np.cbrt((squares * apart).mean(axis=(2, 3)))
    return np.concatenate((mean, deviation, skew), axis=1)


def hue_saturation(picture: NDArray[np.uint8]) -> Floats:
    """How large a share of a picture (H, W, 3) has which hue and saturation, (8 x 4,)."""
    hue, saturation, _ = np.moveaxis(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).astype(int), -1, 0)
    place = hue * HUES // _HUES_OF_OPENCV * SATURATIONS
    place += saturation * SATURATIONS // _SATURATIONS_OF_OPENCV
    counts = np.bincount(place.ravel(), minlength=HUES * SATURATIONS)
    return (counts / counts.sum()).astype(np.float32)


Places = NDArray[np.int64]


Pixel = TypeVar("Pixel", bound=np.generic)


PATCH = 32
"""Side in pixels of what a descriptor describes."""


_QUALITY = 0.01  # of a corner, as a share of the best corner's


_APART = 6  # pixels between corners at least


def grid_places(height: int, width: int, *, step: int = PATCH // 2) -> Places:
    """The centres (n, 2), row before column, of patches that lie inside at every `step`."""
    rows = np.arange(PATCH // 2, height - PATCH // 2 + 1, step)
    columns = np.arange(PATCH // 2, width - PATCH // 2 + 1, step)
    return np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)


def corner_places(grey: NDArray[np.uint8], *, most: int = 24) -> Places:
    """The strongest corners, after Shi and Tomasi (1994), whose patches lie inside.

    Args:
        grey: picture, (H, W).
        most: how many at most.

    Returns:
        Centres (n, 2), row before column; none where nothing has a corner.
    """
    inside = np.zeros_like(grey)
    margin = PATCH // 2
    inside[margin : grey.shape[0] - margin + 1, margin : grey.shape[1] - margin + 1] = 1
    found = cv2.goodFeaturesToTrack(grey, most, _QUALITY, _APART, mask=inside)
    if found is None:
        return np.zeros((0, 2), np.int64)
    return found.reshape(-1, 2)[:, ::-1].astype(np.int64)


def patches(picture: NDArray[Pixel], places: Places) -> NDArray[Pixel]:
    """What lies around each place.

    Args:
        picture: (H, W) or (H, W, C).
        places: centres, (n, 2).

    Returns:
        (n, PATCH, PATCH) or (n, C, PATCH, PATCH).
    """
    windows = np.lib.stride_tricks.sliding_window_view(picture, (PATCH, PATCH), axis=(0, 1))
    rows, columns = (places - PATCH // 2).T
    return np.asarray(windows[rows, columns])
