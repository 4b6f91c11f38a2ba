import pytest
import torch
from torch import Tensor

from selfvid.encoders.input import (
    CAFFE_MEAN,
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    LUMA,
    DifferenceInput,
    PixelInput,
)
from selfvid.errors import InputError


def clip(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def test_rgb_pixels_are_normalised_as_imagenet_networks_expect() -> None:
    frames = clip(1, 1, 3, 2, 2)
    expected = frames.clone().float()
    for channel in range(3):
        scaled = frames[:, :, channel].float() / 255
        expected[:, :, channel] = (scaled - IMAGENET_MEAN[channel]) / IMAGENET_DEVIATION[channel]
    torch.testing.assert_close(PixelInput("rgb")(frames), expected)
    torch.testing.assert_close(PixelInput("bgr")(frames), expected.flip(2))
    moving = torch.cat([frames, frames.flip(3)], 1)
    backwards = DifferenceInput("rgb")(moving).flip(2)
    torch.testing.assert_close(DifferenceInput("bgr")(moving), backwards)


def test_networks_of_caffe_get_blue_first_from_0_to_255_less_the_mean() -> None:
    frames = clip(1, 2, 3, 2, 2)
    layer = PixelInput("bgr", scale=255, mean=CAFFE_MEAN, deviation=[1, 1, 1])
    by_hand = frames.float()[:, :, [2, 1, 0]] - torch.tensor(CAFFE_MEAN).view(3, 1, 1)
    torch.testing.assert_close(layer(frames), by_hand, atol=1e-4, rtol=0)
    # A scale says how mean and deviation are counted; without them it changes nothing.
    assert torch.equal(PixelInput("bgr", scale=255)(frames), PixelInput("bgr")(frames))
    with pytest.raises(InputError, match="scale is 100; expected 1 or 255"):
        PixelInput(scale=100)  # type: ignore[arg-type]


def test_differences_forget_what_does_not_move() -> None:
    still = clip(1, 1, 3, 8, 8).expand(1, 5, 3, 8, 8)
    assert DifferenceInput()(still).abs().max() == 0
    moving = clip(1, 3, 3, 8, 8).float()
    grey = (moving * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(2, keepdim=True) / 255
    by_hand = torch.stack([grey[:, 1] - grey[:, 0], grey[:, 2] - grey[:, 1]], 1) / 0.1
    torch.testing.assert_close(DifferenceInput()(moving), by_hand)


def test_grey_is_the_luma_of_its_colours() -> None:
    frames = clip(2, 2, 3, 4, 5)
    luma = sum(frames[:, :, n].float() * LUMA[n] for n in range(3)) / 255
    layer = PixelInput("grey", mean=[0.25], deviation=[0.5])
    torch.testing.assert_close(layer.colours(frames)[:, :, 0], luma)
    torch.testing.assert_close(layer(frames)[:, :, 0], (luma - 0.25) / 0.5)
    # A pixel whose three colours are equal keeps their value.
    same = torch.full((1, 1, 3, 2, 2), 51.0)
    torch.testing.assert_close(layer.colours(same), torch.full((1, 1, 1, 2, 2), 0.2))
    assert PixelInput("grey").mean.item() == pytest.approx(sum(IMAGENET_MEAN) / 3)


@pytest.mark.parametrize("shape", [(1, 2, 1, 4, 4), (2, 4, 3, 4)])
def test_clips_without_three_colours_are_refused(shape: tuple[int, ...]) -> None:
    for layer in (PixelInput(), DifferenceInput()):
        with pytest.raises(InputError, match=r"expected \(B, T, 3, H, W\)"):
            layer(torch.zeros(shape))


def test_a_deviation_that_cannot_be_divided_by_is_refused() -> None:
    with pytest.raises(InputError, match=r"deviation must be positive, got \[0.0\]"):
        PixelInput("grey", deviation=[0.0])
    with pytest.raises(InputError, match=r"deviation must be positive, got -1"):
        DifferenceInput(deviation=-1)


def test_statistics_have_one_value_per_channel() -> None:
    with pytest.raises(InputError, match=r"mean must have one value per channel \(1\), got \[0, 0"):
        PixelInput("grey", mean=[0, 0, 0])
    with pytest.raises(InputError, match=r"deviation must have one value per channel \(3\)"):
        PixelInput("rgb", deviation=[1])
