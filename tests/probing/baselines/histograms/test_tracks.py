import numpy as np
import pytest
from numpy.typing import NDArray

from selfvid.probing.baselines.histograms.descriptors import PATCH
from selfvid.probing.baselines.histograms.tracks import TRACK_FRAMES, along, follow_corners, shapes

SIDE = 96


def moving(*, step: int, frames: int = 6) -> NDArray[np.uint8]:
    """Four bright squares on a dark ground, which move to the right."""
    pictures = np.full((frames, SIDE, SIDE), 30, np.uint8)
    for at in range(frames):
        for row, column in ((24, 20), (24, 44), (60, 22), (62, 46)):
            pictures[at, row : row + 9, column + step * at : column + step * at + 9] = 220
    return pictures


def test_tracks_follow_what_moves() -> None:
    tracks = follow_corners(moving(step=2))
    assert len(tracks) >= 8
    steps = np.diff(tracks, axis=1)
    np.testing.assert_allclose(steps[..., 1], 2, atol=0.2)  # columns
    np.testing.assert_allclose(steps[..., 0], 0, atol=0.2)  # rows
    shape = shapes(tracks)
    assert shape.shape == (len(tracks), 2 * 5)
    np.testing.assert_allclose(shape[:, 1::2], 1 / 5, atol=0.03)  # five equal shares of the path


def test_a_point_that_stays_has_no_shape() -> None:
    assert np.abs(shapes(follow_corners(moving(step=0)))).max() < 0.1


def test_points_that_vanish_are_lost() -> None:
    pictures = moving(step=1)
    there = follow_corners(pictures)
    pictures[3:, :50] = 30  # the upper squares are gone from frame 3 on
    kept = follow_corners(pictures)
    assert 0 < len(kept) < len(there)
    assert (kept[:, 0, 0] > 50).all()


def test_a_path_back_that_leads_elsewhere_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the check backwards, every point that the tracker claims to have found is kept."""
    pictures = moving(step=2)
    noise = np.random.default_rng(0).integers(0, 255, pictures.shape[1:], dtype=np.uint8)
    torn = np.concatenate((pictures[:1], noise[None], pictures[2:]))
    assert len(follow_corners(torn)) == 0
    monkeypatch.setattr("selfvid.probing.baselines.histograms.tracks._ASTRAY", np.inf)
    assert len(follow_corners(torn)) > 0


def test_patches_along_a_track_stay_in_the_picture_and_are_averaged() -> None:
    pictures = moving(step=9, frames=4)
    tracks = follow_corners(pictures)
    assert ((tracks.round() >= PATCH // 2) & (tracks.round() <= SIDE - PATCH // 2)).all()
    given = np.array([[[40.0, 40.0], [40.0, 41.0], [40.0, 42.0], [41.0, 42.0]]], np.float32)

    def brightness(found: NDArray[np.uint8]) -> NDArray[np.float32]:
        return found.mean(axis=(1, 2), dtype=np.float32)[:, None]

    found = along(given, pictures, brightness)
    half = PATCH // 2
    looks = ((0, 40, 40), (2, 40, 42), (3, 41, 42))
    by_hand = [
        pictures[at, row - half : row + half, column - half : column + half].mean()
        for at, row, column in looks
    ]
    assert found.item() == pytest.approx(np.mean(by_hand))


def test_a_picture_without_corners_has_no_tracks() -> None:
    tracks = follow_corners(np.full((TRACK_FRAMES, SIDE, SIDE), 9, np.uint8))
    assert tracks.shape == (0, TRACK_FRAMES, 2)
    assert shapes(tracks).shape == (0, 2 * (TRACK_FRAMES - 1))
