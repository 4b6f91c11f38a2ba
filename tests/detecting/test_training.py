from __future__ import annotations

import torch

from selfvid.detecting.training import begun


def test_a_state_goes_on_where_no_video_begins() -> None:
    assert begun(None, torch.tensor([True, False])) is None
    state = begun((torch.ones(2, 3), torch.full((2, 3), 2.0)), torch.tensor([True, False]))
    assert state is not None
    assert [part.tolist() for part in state] == [[[0] * 3, [1] * 3], [[0] * 3, [2] * 3]]


def test_a_state_from_a_checkpoint_follows_the_windows_to_their_device() -> None:
    state = begun((torch.ones(2, 3),), torch.tensor([True, False], device="meta"))
    assert state is not None
    assert state[0].device.type == "meta"
