"""What a patch looks like, in a few numbers: its gradients, its motion, its colours."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage.feature import hog

from selfvid.probing.baselines.flow_histograms import direction_histogram
from selfvid.probing.baselines.histograms.describe import PATCH

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
