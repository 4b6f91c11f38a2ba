import pytest
import torch
from torch import nn
from torch.nn import functional

from selfvid.errors import InputError
from selfvid.objectives.frame_decoder import FrameDecoder


def convolutions(decoder: FrameDecoder) -> list[nn.Conv2d]:
    return [layer for layer in decoder.layers if isinstance(layer, nn.Conv2d)]


def test_the_decoder_doubles_until_the_frame_is_whole() -> None:
    torch.manual_seed(0)
    decoder = FrameDecoder(32, 3, stride=4, kernel=3)
    first, second = (layer for layer in decoder.layers if isinstance(layer, nn.Conv2d))
    maps = torch.randn(2, 32, 5, 6)
    x = maps.repeat_interleave(2, 2).repeat_interleave(2, 3)
    x = functional.conv2d(x, first.weight, first.bias, padding=1).tanh()
    x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    by_hand = functional.conv2d(x, second.weight, second.bias, padding=1)
    assert by_hand.shape == (2, 3, 20, 24)
    torch.testing.assert_close(decoder(maps), by_hand)


def test_channels_halve_down_to_eight_and_end_with_the_colours() -> None:
    found = [
        (layer.in_channels, layer.out_channels)
        for layer in convolutions(FrameDecoder(36, 1, stride=16, kernel=3))
    ]
    assert found == [(36, 18), (18, 9), (9, 8), (8, 1)]


def test_the_output_has_no_bounds() -> None:
    decoder = FrameDecoder(4, 1, stride=2, kernel=1)
    (only,) = convolutions(decoder)
    assert only.bias is not None
    nn.init.zeros_(only.weight)
    nn.init.constant_(only.bias, 7.0)  # a tanh would make 1 of it
    assert torch.equal(decoder(torch.randn(2, 4, 3, 3)), torch.full((2, 1, 6, 6), 7.0))


@pytest.mark.parametrize("stride", [0, 1, 3, 12])
def test_a_stride_that_is_no_power_of_two_is_refused(stride: int) -> None:
    with pytest.raises(InputError, match=rf"expected stride 2, 4, 8, \.\.\., got {stride}"):
        FrameDecoder(8, 1, stride=stride)


@pytest.mark.parametrize("kernel", [0, 4, -3])
def test_a_kernel_that_does_not_keep_the_size_is_refused(kernel: int) -> None:
    with pytest.raises(InputError, match=rf"must be odd to keep H and W, got {kernel}"):
        FrameDecoder(8, 1, stride=2, kernel=kernel)
