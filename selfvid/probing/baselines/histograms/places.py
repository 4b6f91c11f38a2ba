"""Where pictures are described: on a grid, and at corners."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

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
