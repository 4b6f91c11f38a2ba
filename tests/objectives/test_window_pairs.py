from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from selfvid.backbones.small import SmallNet
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.vectors import FlatFrames
from selfvid.errors import InputError
from selfvid.objectives.pairs import PairLoss, nearest_frames
from selfvid.objectives.vicreg import VICRegLoss
from selfvid.objectives.window_pairs import WindowPairs
from selfvid.types import Losses


class Kept(PairLoss):
    """Keeps the views that it is given."""

    views: tuple[Tensor, Tensor]

    def projector(self, width: int) -> nn.Module:
        self.width = width
        return nn.Linear(width, 5)

    def forward(self, a: Tensor, b: Tensor) -> Losses:
        self.views = (a, b)
        return Losses((a - b).square().mean(), {})


def lstm() -> LSTMEncoder:
    torch.manual_seed(0)
    return LSTMEncoder(FlatFrames((8, 8)), hidden=6)


def clips(frames: int = 10, *, batch: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(
        0, 256, (batch, frames, 3, 8, 8), dtype=torch.uint8, generator=generator
    )  # fmt: skip


def test_the_views_are_the_projected_segment_means_of_each_half() -> None:
    loss = Kept()
    pairs = WindowPairs(lstm(), loss=loss, segments=2)
    pairs(clips())
    assert loss.width == 12
    for view, half in zip(loss.views, (clips()[:, :5], clips()[:, 5:]), strict=True):
        steps = pairs.encoder(half).need_steps("test")  # (B, 5, D): segments of 3 and 2 steps
        first = (steps[:, 0] + steps[:, 1] + steps[:, 2]) / 3
        second = (steps[:, 3] + steps[:, 4]) / 2
        torch.testing.assert_close(view, pairs.projector(torch.cat((first, second), 1)))


def test_clips_have_a_step_for_each_segment_of_both_windows() -> None:
    differences = FrameEncoder(SmallNet(channels=1, stages=(8,)), input=DifferenceInput("grey"))
    pairs = WindowPairs(differences, loss=Kept(), segments=3)
    assert pairs.least_frames == 8  # three differences of four frames, twice
    assert pairs.shown(8) == 4
    pairs(clips(8))
    with pytest.raises(InputError, match="segments is 3; expected at most 2"):
        pairs(clips(6))


def test_windows_of_one_video_come_together_and_others_stay_apart() -> None:
    torch.manual_seed(0)
    brightness = torch.randint(0, 200, (32, 1, 1, 1, 1)).expand(-1, 6, 3, 8, 8)
    clip = brightness + torch.randint(0, 50, (32, 6, 3, 8, 8))
    pairs = WindowPairs(lstm(), loss=VICRegLoss(projection=8))
    optimiser = torch.optim.Adam(pairs.parameters(), lr=0.01)
    first = pairs(clip).parts["invariance"].item()
    for _ in range(40):
        optimiser.zero_grad()
        losses = pairs(clip)
        losses.total.backward()
        optimiser.step()
    assert losses.parts["invariance"].item() < 0.2 * first
    assert losses.parts["variance"].item() < 0.5


def test_the_picture_shows_neighbours_by_the_vectors_of_first_windows() -> None:
    pairs = WindowPairs(lstm(), loss=Kept(), segments=2).eval()
    picture = pairs.preview(clips())["neighbours"]
    vectors = pairs.encoder(clips()[:, :5]).segments(2, user="test")
    assert torch.equal(picture, nearest_frames(clips(), vectors[:, None]))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="segments is 0; expected 1 or more"):
        WindowPairs(lstm(), loss=Kept(), segments=0)
    with pytest.raises(InputError, match="clips have 5 frames; expected two windows"):
        WindowPairs(lstm(), loss=Kept())(clips(5))
