"""Frames are shown as they are."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from selfvid.pictures import grid, png_bytes, strip, write_png


def frames(count: int, channels: int = 3, size: int = 8) -> torch.Tensor:
    shape = (count, channels, size, size)
    return torch.randint(
        0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def test_grid_holds_every_pixel_enlarged_by_a_whole_factor() -> None:
    clip = frames(3)
    picture = grid([clip, clip[:1, :1]], height=16)
    assert picture.shape == (2 * 18, 3 * 18, 3)
    for number in range(3):
        shown = picture[1:17:2, 18 * number + 1 : 18 * number + 17 : 2]
        np.testing.assert_array_equal(shown, clip[number].permute(1, 2, 0))
    np.testing.assert_array_equal(picture[19:35:2, 1:17:2, 2], clip[0, 0])  # grey on all channels
    assert (picture[18:, 18:] == 255).all()  # the shorter clip ends in white


def test_captions_stand_above_and_leave_the_frames_alone() -> None:
    clip = frames(2)
    bare, captioned = grid([clip], height=64), grid([clip], captions=["left"], height=64)
    extra = len(captioned) - len(bare)
    np.testing.assert_array_equal(captioned[extra:, : bare.shape[1]], bare)
    assert (captioned[:extra] < 200).any()
    named = strip(clip, captions=["a", "b"], height=64)
    np.testing.assert_array_equal(named[-len(bare) :, : bare.shape[1]], bare)


def test_misshapen_rows_and_captions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"rows must be \(T, C, H, W\) with C 1 or 3"):
        grid([frames(2)[0]])
    with pytest.raises(ValueError, match="captions must be 1 or none, got 2"):
        grid([frames(2)], captions=["a", "b"])
    with pytest.raises(ValueError, match="captions must be 2 or none, got 1"):
        strip(frames(2), captions=["a"])


def test_png_holds_the_same_pixels(tmp_path: Path) -> None:
    picture = grid([frames(3)])
    read = imread(io.BytesIO(png_bytes(picture)))
    np.testing.assert_array_equal((read[..., :3] * 255).round().astype(np.uint8), picture)
    path = write_png(picture, tmp_path / "grid.png")
    assert path.read_bytes() == png_bytes(picture)
    assert [file.name for file in tmp_path.iterdir()] == ["grid.png"]
