from __future__ import annotations

import torch
from torch import Tensor

from selfvid.features.views import view_of


def _clips() -> Tensor:
    return torch.arange(2 * 6).reshape(2, 6, 1, 1, 1)


def test_frozen_clips_repeat_their_middle_frame() -> None:
    frozen = view_of(_clips(), ["a", "b"], "frozen")
    assert frozen.flatten(1).tolist() == [[3] * 6, [9] * 6]


def test_shuffled_clips_keep_their_frames_and_lose_their_order() -> None:
    shuffled = view_of(_clips(), ["a", "b"], "shuffled").flatten(1)
    assert shuffled.sort(1).values.tolist() == _clips().flatten(1).tolist()
    assert (shuffled != _clips().flatten(1)).any(1).all()


def test_how_a_clip_is_shuffled_depends_only_on_its_name() -> None:
    together = view_of(_clips(), ["a", "b"], "shuffled")
    alone = view_of(_clips()[1:], ["b"], "shuffled")
    assert torch.equal(together[1:], alone)


def test_two_frames_always_change_places() -> None:
    clips = torch.tensor([0, 1]).reshape(1, 2, 1, 1, 1)
    names = [[f"video {n}"] for n in range(20)]
    assert all(view_of(clips, name, "shuffled").flatten().tolist() == [1, 0] for name in names)
