import pytest
import torch
from torch import Tensor, nn

from selfvid.backbones.small import SmallNet
from selfvid.encoders.frame import FrameEncoder
from selfvid.objectives.pairs import FramePairs, PairLoss, nearest_frames
from selfvid.pictures.flow import flow_in_colour
from selfvid.types import Losses


class Kept(PairLoss):
    """Keeps the pairs that it is given."""

    pairs: tuple[Tensor, Tensor]

    def projector(self, width: int) -> nn.Module:
        assert width == 8
        return nn.Identity()

    def forward(self, a: Tensor, b: Tensor) -> Losses:
        self.pairs = (a, b)
        near = (a - b).square().mean()
        return Losses(3 * near, {"near": near})


def objective_and_loss() -> tuple[FramePairs, Kept]:
    torch.manual_seed(0)
    loss = Kept()
    return FramePairs(FrameEncoder(SmallNet(channels=1, stages=(8,))), loss), loss


def clips() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, 3, 16, 16), dtype=torch.uint8, generator=generator)


def test_pairs_are_the_consecutive_frames_of_each_clip() -> None:
    objective, loss = objective_and_loss()
    objective(clips())
    steps = objective.encoder(clips()).need_steps("test")
    a, b = loss.pairs
    by_hand = [(steps[clip, t], steps[clip, t + 1]) for clip in range(2) for t in range(2)]
    torch.testing.assert_close(a, torch.stack([one for one, _ in by_hand]))
    torch.testing.assert_close(b, torch.stack([other for _, other in by_hand]))


def test_the_parts_are_the_terms_that_the_loss_names() -> None:
    losses = objective_and_loss()[0](clips())
    assert set(losses.parts) == {"near"}
    torch.testing.assert_close(losses.total, 3 * losses.parts["near"])


def test_the_projector_comes_before_the_loss() -> None:
    objective, loss = objective_and_loss()
    objective(clips())
    plain = loss.pairs
    objective.projector = nn.Linear(8, 5)
    objective(clips())
    for projected, vectors in zip(loss.pairs, plain, strict=True):
        torch.testing.assert_close(projected, objective.projector(vectors))


def test_the_picture_has_the_nearest_frame_of_another_clip_below_each() -> None:
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (5, 2, 3, 4, 6), dtype=torch.uint8, generator=generator)
    steps = torch.randn(5, 2, 3, generator=generator)
    picture = nearest_frames(frames, steps, most=4)
    assert picture.shape == (3, 2 * (4 + 2) + 2, 4 * (6 + 2) + 2)
    for column in range(4):
        others = [other for other in range(5) if other != column]
        nearest = min(others, key=lambda o: float((steps[column, 0] - steps[o, 0]).abs().sum()))
        across = slice(2 + column * 8, 8 + column * 8)
        assert torch.equal(picture[:, 2:6, across], frames[column, 0])
        assert torch.equal(picture[:, 8:12, across], frames[nearest, 0])


def test_nearest_is_by_the_sum_of_absolute_differences() -> None:
    frames = torch.arange(3, dtype=torch.uint8)[:, None, None, None, None].expand(3, 1, 3, 2, 2)
    steps = torch.tensor([[0.0, 0.0], [3.0, 3.0], [0.0, 5.0]])[:, None]  # 5 < 3 + 3, 5**2 > 18
    picture = nearest_frames(frames, steps, most=1)
    assert (picture[:, 6:8, 2:4] == 2).all()


@pytest.mark.parametrize("channels", [2, 4])
def test_flow_is_shown_in_colour(channels: int) -> None:
    flow = torch.randn(2, 1, channels, 4, 4, generator=torch.Generator().manual_seed(0))
    picture = nearest_frames(flow, torch.randn(2, 1, 3))
    coloured = flow_in_colour(torch.cat((flow[:, 0, :2], flow[[1, 0], 0, :2])))
    assert torch.equal(picture[:, 2:6, 2:6].float(), coloured[0].float().round())
    assert torch.equal(picture[:, 8:12, 2:6].float(), coloured[1].float().round())
