"""Flow in colour, and a forecast beside what came."""

import pytest
import torch
from torchvision.utils import flow_to_image

from selfvid.pictures import flow_in_colour, forecast

RANDOM = torch.Generator().manual_seed(0)


def test_colours_are_torchvisions() -> None:
    flow = torch.randn(3, 2, 4, 5, generator=RANDOM)
    assert torch.equal(flow_in_colour(flow), flow_to_image(flow))
    assert torch.equal(flow_in_colour(flow.view(1, 3, 2, 4, 5))[0], flow_to_image(flow))
    assert torch.equal(flow_in_colour(flow[0]), flow_to_image(flow[0]))


def test_fields_given_together_share_one_scale() -> None:
    flow = torch.randn(2, 2, 4, 5, generator=RANDOM)
    slow, fast = flow_in_colour(torch.stack((flow[0] / 10, flow[0])))
    assert (slow.float().mean() > fast.float().mean() + 20).item()  # nearer to white


def test_pictures_made_one_by_one_compare_by_the_longest() -> None:
    flow = torch.randn(4, 2, 4, 5, generator=RANDOM)
    longest = float(flow.norm(dim=1).max())
    together = flow_in_colour(flow)
    for field, colours in zip(flow, together, strict=True):
        torch.testing.assert_close(
            flow_in_colour(field, longest=longest).int(), colours.int(), atol=1, rtol=0
        )


def test_longer_flow_looks_as_long_as_the_longest() -> None:
    flow = torch.tensor([3.0, 4.0]).view(2, 1, 1).expand(2, 2, 2)
    assert torch.equal(flow_in_colour(flow, longest=2), flow_in_colour(flow, longest=5))
    assert not torch.equal(flow_in_colour(flow, longest=20), flow_in_colour(flow, longest=5))


def test_standing_still_is_white() -> None:
    still = torch.zeros(1, 2, 3, 3)
    assert (flow_in_colour(still) == 255).all()
    assert (flow_in_colour(still, longest=2) == 255).all()


def test_misshapen_flow_is_refused() -> None:
    with pytest.raises(ValueError, match=r"flow must be \(..., 2, H, W\), got \(3, 4, 4\)"):
        flow_in_colour(torch.zeros(3, 4, 4))
    with pytest.raises(ValueError, match="longest must be positive, got 0"):
        flow_in_colour(torch.zeros(2, 4, 4), longest=0)


def test_forecast_puts_each_prediction_under_its_frame() -> None:
    frames = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8, generator=RANDOM)
    flow = torch.randn(2, 2, 4, 4, generator=RANDOM)
    picture = forecast(frames, frames[3:], flow=flow, height=8)
    bands = (len(picture) - 3 * 10) // 3  # three captions, three rows of frames with their gaps
    above, below = (picture[top : top + 10, :50] for top in (bands, 2 * bands + 10))
    assert (above[:, 30:] == below[:, 30:]).all()
    assert (below[:, :30] == 255).all()
    flows = picture[3 * bands + 20 :][1:9, 31:39]
    assert (flows[::2, ::2] == flow_in_colour(flow)[0].permute(1, 2, 0).numpy()).all()


def test_forecast_refuses_what_does_not_fit() -> None:
    frames = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"predicted must be the last of frames \(3, 1, 8, 8\)"):
        forecast(frames, torch.zeros(4, 1, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"flow must be \(2, 2, h, w\), got \(1, 2, 8, 8\)"):
        forecast(frames, frames[1:], flow=torch.zeros(1, 2, 8, 8))
