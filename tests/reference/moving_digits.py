"""Moving digits one sequence, one digit and one frame at a time, in plain numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Numbers = NDArray[np.float64]


def bounce(
    images: Pixels, starts: Numbers, velocities: Numbers, *, frames: int, canvas: int
) -> Pixels:
    """One sequence (T, H, W) of digits with images (N, h, w); starts and velocities (N, 2)."""
    sequence = np.zeros((frames, canvas, canvas), np.uint8)
    for image, start, velocity in zip(images, starts, velocities, strict=True):
        height, width = image.shape
        (x, y), (along_x, along_y) = start.tolist(), velocity.tolist()
        for frame in sequence:
            x, along_x = _one_step(x, along_x)
            y, along_y = _one_step(y, along_y)
            left, top = int(x * (canvas - width)), int(y * (canvas - height))
            patch = frame[top : top + height, left : left + width]
            np.maximum(patch, image, out=patch)
    return sequence


def bounce_all(
    images: Pixels, starts: Numbers, velocities: Numbers, *, frames: int, canvas: int
) -> Pixels:
    """B sequences (B, T, H, W) of images (B, N, h, w), in the loops of the authors' GetBatch."""
    batch, digits, height, width = images.shape
    x, y = (_path(starts[..., axis], velocities[..., axis], frames) for axis in (0, 1))
    left, top = ((place * (canvas - height)).astype(np.int32) for place in (x, y))
    data = np.zeros((batch, frames, canvas, canvas), images.dtype)
    for row in range(batch):
        for digit in range(digits):
            image = images[row, digit]
            for moment in range(frames):
                across = slice(left[moment, row, digit], left[moment, row, digit] + width)
                down = slice(top[moment, row, digit], top[moment, row, digit] + height)
                data[row, moment, down, across] = np.maximum(data[row, moment, down, across], image)
    return data


def _path(starts: Numbers, velocities: Numbers, frames: int) -> Numbers:
    place, velocity = starts.flatten(), velocities.flatten()
    path = np.zeros((frames, len(place)))
    for moment in range(frames):
        place += velocity
        for which in range(len(place)):
            if place[which] <= 0:
                place[which] = 0
                velocity[which] = -velocity[which]
            if place[which] >= 1.0:
                place[which] = 1.0
                velocity[which] = -velocity[which]
        path[moment] = place
    return path.reshape(frames, *starts.shape)


def _one_step(place: float, velocity: float) -> tuple[float, float]:
    place += velocity
    if place <= 0:
        return 0.0, -velocity
    if place >= 1:
        return 1.0, -velocity
    return place, velocity


def drift(image: Pixels, start: Numbers, velocity: Numbers, *, frames: int, canvas: int) -> Pixels:
    """One sequence (T, H, W) of a digit (h, w) that wraps around; start and velocity (2,)."""
    corner = np.zeros((canvas, canvas), np.uint8)
    corner[: image.shape[0], : image.shape[1]] = image
    places = [np.floor(start + time * velocity).astype(int) for time in range(frames)]
    return np.stack([np.roll(corner, (y, x), axis=(0, 1)) for x, y in places])
