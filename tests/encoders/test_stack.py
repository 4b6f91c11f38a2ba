import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.encoders.flow_input import FlowFields, FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput, PixelInput
from selfvid.encoders.stack import Stack
from selfvid.errors import InputError

CLIP = torch.randint(0, 256, (2, 6, 3, 8, 9), generator=torch.Generator().manual_seed(0))


def test_a_stack_holds_successive_differences_earliest_first() -> None:
    layer = Stack(DifferenceInput("rgb", deviation=1.0), length=2)
    made = layer(CLIP)
    assert (layer.window, layer.channels) == (3, 6)
    assert made.shape == (2, 4, 6, 8, 9)
    pixels = CLIP / 255
    for step in range(4):
        pair = [pixels[:, step + n + 1] - pixels[:, step + n] for n in range(2)]
        torch.testing.assert_close(made[:, step], torch.cat(pair, 1))


def test_stacked_fields_are_a_flow_stack_without_its_mean() -> None:
    flow = torch.randn(2, 5, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    expected = FlowStack(3, subtract_mean=False)(flow)
    layer = Stack(FlowFields(), length=3)
    torch.testing.assert_close(layer(flow), expected)
    assert layer.in_channels == 2


def test_an_encoder_of_stacks_keeps_places_in_its_vector() -> None:
    stacks = Stack(PixelInput("grey"), length=3)
    encoder = FrameEncoder(SmallNet(channels=3, stages=(8,), grid=2), input=stacks).eval()
    features = encoder(CLIP)
    assert encoder.window == 3
    assert features.need_steps("test").shape == (2, 4, 8 * 4)
    map_ = features.need_maps("test")[0][:, 0]  # (B, 8, 4, 4)
    quarters = [map_[..., :2, :2], map_[..., :2, 2:], map_[..., 2:, :2], map_[..., 2:, 2:]]
    expected = torch.stack([quarter.mean((-2, -1)) for quarter in quarters], -1)  # (B, 8, 4)
    torch.testing.assert_close(features.steps[:, 0], expected.flatten(1))


def test_a_stack_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="length is 0; expected 1 or more"):
        Stack(PixelInput("grey"), length=0)
