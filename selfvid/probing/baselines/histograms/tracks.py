"""Tracks of corners through a few frames, and descriptors along them.

Corners are those of Shi and Tomasi (1994), followed by pyramids of Lucas and Kanade (1981), both by
OpenCV. The shape of a track is described after Wang et al., Action recognition by dense
trajectories, CVPR 2011.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from selfvid.probing.baselines.histograms.descriptors import (
    PATCH,
    Floats,
    Pixel,
    corner_places,
    patches,
)

TRACK_FRAMES = 16  # of a track; Wang et al. follow points through 15 displacements too
_ASTRAY = 1.0  # pixels: a point that is followed back must end this near to where it began
_LEAST_PATH = 1.0  # pixels: shorter paths are not stretched to the length of others
_LOOKS = 3  # places of a track whose patches are described: its start, middle and end


def follow_corners(greys: NDArray[np.uint8]) -> Floats:
    """Follow the strongest corners of the first frame through all frames.

    A point is lost, and its track left out, if it is not found again, if following it back from a
    frame to the one before does not lead to where it was (Kalal et al., 2010), or if its patch
    leaves the picture.

    Args:
        greys: T pictures, (T, H, W), T >= 2.

    Returns:
        Places of each track in each frame, row before column, (n, T, 2); n may be 0.
    """
    start = corner_places(greys[0])[:, ::-1].astype(np.float32)  # (n, 2), x y
    track, kept = [start], np.ones(len(start), bool)
    for before, after in pairwise(greys):
        there, found = _followed(before, after, track[-1])
        back, again = _followed(after, before, there)
        kept &= found & again & (np.abs(back - track[-1]).max(axis=1, initial=0) < _ASTRAY)
        kept &= _inside(there, greys.shape[1:])
        track.append(there)
    return np.stack(track, axis=1)[kept][..., ::-1]


def shapes(tracks: Floats) -> Floats:
    """Return the displacements of each track, as shares of the length of its path.

    Args:
        tracks: places, (n, T, 2).

    Returns:
        (n, 2 (T - 1)): row and column in turn; near zero for a point that stays where it is.
    """
    steps = np.diff(tracks, axis=1)  # (n, T - 1, 2)
    length = np.linalg.norm(steps, axis=2).sum(axis=1)  # (n,)
    shares = steps / np.maximum(length, _LEAST_PATH)[:, None, None]
    return shares.reshape(len(tracks), 2 * (tracks.shape[1] - 1)).astype(np.float32)


def along(
    tracks: Floats, pictures: NDArray[Pixel], describe: Callable[[NDArray[Pixel]], Floats]
) -> Floats:
    """Return descriptors of the patches along each track, averaged over start, middle and end.

    Args:
        tracks: places, (n, T, 2).
        pictures: the frames, (T, H, W) or (T, H, W, C).
        describe: maps patches to their descriptors, (n, D).

    Returns:
        (n, D).
    """
    looks = np.linspace(0, tracks.shape[1] - 1, _LOOKS).round().astype(np.int64)
    places = tracks.round().astype(np.int64)
    found = [describe(patches(pictures[at], places[:, at])) for at in looks]
    return np.mean(found, axis=0, dtype=np.float32)


def _followed(
    before: NDArray[np.uint8], after: NDArray[np.uint8], points: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return where points (n, 2), x y, of one picture are in another, and whether it was found."""
    if not len(points):
        return points, np.zeros(0, bool)
    there, status, _ = cv2.calcOpticalFlowPyrLK(before, after, points[:, None], None)  # type: ignore[call-overload]
    return there[:, 0], status[:, 0].astype(bool)


def _inside(points: Floats, size: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return whether the patch around each point (n, 2), x y, lies in the picture (H, W)."""
    margin = PATCH // 2
    last = np.array([size[1], size[0]]) - margin
    rounded = points.round()
    return np.all((rounded >= margin) & (rounded <= last), axis=1)
