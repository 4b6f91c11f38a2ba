"""Frames are shown as they are, and gates below them."""

import numpy as np
import pytest
import torch

from selfvid.pictures import gates, grid, strip


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


def test_open_gates_are_bright_and_units_keep_their_order() -> None:
    frames = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    forget = torch.tensor([[0.1, 0.9], [0.1, 0.9]])
    values = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    picture = gates(frames, {"lstm": {"forget": forget, "input": values}}, height=8).astype(int)
    bright = np.asarray(picture).sum(-1)
    # The last band is the input gate: 8 rows of pixels above a white line, two tiles of 10 wide.
    band = bright[-9:-1]
    assert band[0, 4] > band[-1, 4]  # step 0: the unit that forgets least, on top, is open
    assert band[0, 14] < band[-1, 14]


def test_gates_of_another_length_are_refused() -> None:
    frames = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"same T, got \[2, 3\]"):
        gates(frames, {"lstm": {"forget": torch.zeros(3, 4)}})
