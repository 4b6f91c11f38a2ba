from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from selfvid.backbones.small import SmallNet
from selfvid.encoders.flow_input import FlowFields, FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.flow.stack import flip_flow
from selfvid.objectives.pairs import PairLoss
from selfvid.objectives.two_views import TwoViews
from selfvid.objectives.vicreg import VICRegLoss
from selfvid.types import Losses


class Kept(PairLoss):
    """Keeps the views that it is given, and their projectors' widths."""

    def __init__(self) -> None:
        super().__init__()
        self.widths: list[int] = []
        self.views: tuple[Tensor, Tensor]

    def projector(self, width: int) -> nn.Module:
        self.widths.append(width)
        return nn.Linear(width, 5)

    def forward(self, a: Tensor, b: Tensor) -> Losses:
        self.views = (a, b)
        return Losses((a - b).square().mean(), {})


def pixel_encoder() -> FrameEncoder:
    return FrameEncoder(SmallNet(channels=1, stages=(8,)))


def flow_encoder(length: int = 2) -> FrameEncoder:
    return FrameEncoder(SmallNet(channels=2 * length, stages=(16,)), input=FlowStack(length))


def objective(**more: Any) -> tuple[TwoViews, Kept]:
    torch.manual_seed(0)
    loss = Kept()
    return TwoViews(pixel_encoder(), flow_encoder=flow_encoder(), loss=loss, **more), loss


def clips(batch: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    clip = torch.randint(0, 256, (batch, 4, 3, 16, 16), dtype=torch.uint8, generator=generator)
    return clip, torch.randn(batch, 3, 2, 16, 16, generator=generator)


def test_the_views_are_the_projected_clip_vectors_of_both_encoders() -> None:
    views, loss = objective()
    clip, flow = clips()
    views(clip, flow)
    assert loss.widths == [8, 16]
    a, b = loss.views
    for number in range(len(clip)):
        of_pixels = views.encoder(clip[number : number + 1]).clip
        of_flow = views.flow_encoder(flow[number : number + 1]).clip
        torch.testing.assert_close(a[number], views.projector(of_pixels)[0])
        torch.testing.assert_close(b[number], views.flow_projector(of_flow)[0])


def test_both_encoders_learn() -> None:
    views, _ = objective()
    views(*clips()).total.backward()
    assert all(weight.grad is not None for weight in views.parameters())


def test_flow_is_mirrored_with_its_probability_and_the_pixels_never() -> None:
    views, loss = objective(mirror=0.5)
    clip, flow = clips(batch=40)
    torch.manual_seed(1)
    views(clip, flow)
    plain = views.flow_projector(views.flow_encoder(flow).clip)
    mirrored = views.flow_projector(views.flow_encoder(flip_flow(flow)).clip)
    as_given = torch.isclose(loss.views[1], plain, atol=1e-5).all(1)
    swapped = torch.isclose(loss.views[1], mirrored, atol=1e-5).all(1)
    assert torch.equal(as_given, ~swapped)
    assert 10 < int(swapped.sum()) < 30
    torch.testing.assert_close(loss.views[0], views.projector(views.encoder(clip).clip))


def test_two_networks_learn_which_flow_belongs_to_which_pixels() -> None:
    generator = torch.Generator().manual_seed(0)
    size = 4 * torch.rand(64, generator=generator)  # of a brightness, and of a displacement
    clip = (128 + 30 * size)[:, None, None, None, None].expand(-1, 4, 3, 8, 8)
    flow = size[:, None, None, None, None].expand(-1, 3, 2, 8, 8)
    torch.manual_seed(0)
    fields = FrameEncoder(SmallNet(channels=2, stages=(8,)), input=FlowFields())
    views = TwoViews(pixel_encoder(), flow_encoder=fields, loss=VICRegLoss(projection=8))
    optimiser = torch.optim.Adam(views.parameters(), lr=0.01)
    first = views(clip, flow).parts["invariance"].item()
    for _ in range(40):
        optimiser.zero_grad()
        losses = views(clip, flow)
        losses.total.backward()
        optimiser.step()
    assert losses.parts["invariance"].item() < 0.1 * first
    assert losses.parts["variance"].item() < 0.5


def test_clips_are_long_enough_for_both() -> None:
    long = TwoViews(pixel_encoder(), flow_encoder=flow_encoder(5), loss=Kept())
    assert long.least_frames == 6
    assert set(long.encoders) == {"encoder", "flow_encoder"}
    assert long.encoders["flow_encoder"] is long.flow_encoder


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="takes 2 channels and flow_encoder 3; expected 3, which"):
        TwoViews(flow_encoder(), flow_encoder=pixel_encoder(), loss=Kept())
    with pytest.raises(InputError, match=r"mirror is 1\.5; expected a probability from 0 to 1"):
        objective(mirror=1.5)
    with pytest.raises(InputError, match="clips without flow"):
        objective()[0](clips()[0])


def test_the_picture_shows_neighbours_by_the_vectors_of_the_pixels() -> None:
    views, _ = objective()
    picture = views.preview(clips()[0])["neighbours"]
    assert picture.shape == (3, 2 * 18 + 2, 6 * 18 + 2)
