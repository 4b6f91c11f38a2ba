import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.encoders.flow_input import FlowFields, FlowImage, FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.vectors import FlatFrames
from selfvid.errors import InputError


def fields(time: int = 6, channels: int = 2) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(2, time, channels, 4, 5)


def test_each_step_sees_the_fields_from_its_own_on() -> None:
    clip = fields()
    stacks = FlowStack(3, subtract_mean=False)(clip)
    assert stacks.shape == (2, 4, 6, 4, 5)
    for step in range(4):
        for k in range(3):
            assert torch.equal(stacks[:, step, 2 * k], clip[:, step + k, 0])
            assert torch.equal(stacks[:, step, 2 * k + 1], clip[:, step + k, 1])


def test_the_camera_is_held_still() -> None:
    panning = fields() + torch.tensor([3.0, -2.0])[:, None, None]
    held = FlowStack(3, scale=2.0)
    torch.testing.assert_close(held(panning), held(fields()))
    torch.testing.assert_close(
        held(panning).mean((-2, -1)), torch.zeros(2, 4, 6), atol=1e-6, rtol=0
    )


def test_both_ways_lead_away_from_the_middle() -> None:
    clip = fields(channels=4)
    stacks = FlowStack(4, ways="both", subtract_mean=False)(clip)
    assert stacks.shape == (2, 3, 8, 4, 5)
    for step in range(3):
        middle = step + 2
        wanted = [clip[:, middle, :2], clip[:, middle + 1, :2]]
        wanted += [clip[:, middle - 1, 2:], clip[:, middle - 2, 2:]]
        assert torch.equal(stacks[:, step], torch.cat(wanted, 1))


def test_a_field_as_a_picture_is_grey_where_nothing_moves() -> None:
    clip = torch.zeros(1, 1, 2, 1, 3)
    clip[0, 0, 0, 0] = torch.tensor([0.0, 1.0, 100.0])
    picture = FlowImage(deviation=0.5)(clip)[0, 0, :, 0]
    x = [0.0, 16 / 255 / 0.5, 127 / 255 / 0.5]
    torch.testing.assert_close(picture[0], torch.tensor(x))
    torch.testing.assert_close(picture[1], torch.zeros(3))
    torch.testing.assert_close(picture[2], torch.tensor(x))


def test_networks_of_caffe_get_flow_images_less_128() -> None:
    flow = torch.tensor([1.5, -20.0]).view(1, 1, 2, 1, 1)
    picture = FlowImage(scale=255, deviation=1.0)(flow).flatten()
    torch.testing.assert_close(picture, torch.tensor([24.0, -128.0, 127.0]))
    with pytest.raises(InputError, match="scale is 2; expected 1 or 255"):
        FlowImage(scale=2)  # type: ignore[arg-type]


def test_encoders_take_as_many_channels_as_their_input() -> None:
    temporal = FrameEncoder(SmallNet(channels=8, stages=(8,)), input=FlowStack(4))
    assert (temporal.in_channels, temporal.window) == (2, 4)
    assert temporal(fields(time=6)).steps.shape == (2, 3, 8)
    lstm = LSTMEncoder(FlatFrames((4, 5), input=FlowFields()), hidden=3)
    assert lstm.in_channels == 2
    assert lstm(fields()).clip.shape == (2, 6)
    assert FlatFrames((4, 5), input=FlowFields()).picture(torch.randn(7, 40)).shape == (7, 3, 4, 5)


@pytest.mark.parametrize("clip", [torch.zeros(1, 4, 3, 4, 4), torch.zeros(1, 4, 2, 4, 4).byte()])
def test_pixels_are_refused(clip: torch.Tensor) -> None:
    for layer in (FlowStack(2), FlowImage(), FlowFields()):
        with pytest.raises(InputError, match=r"expected flow in pixels, floats \(B, T, 2, H, W\)"):
            layer(clip)


def test_numbers_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="length is 3; expected an even number"):
        FlowStack(3, ways="both")
    with pytest.raises(InputError, match=r"length is 0 and scale 1\.0"):
        FlowStack(0)
    with pytest.raises(InputError, match="levels are 0"):
        FlowImage(levels=0)
    with pytest.raises(InputError, match="scale is -1"):
        FlowFields(scale=-1)
