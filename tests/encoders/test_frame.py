import pytest
import torch
from torch import Tensor

from selfvid.backbones.alexnet import AlexNet
from selfvid.backbones.base import Backbone
from selfvid.backbones.resnet import ResNet
from selfvid.backbones.small import SmallNet
from selfvid.backbones.vgg import VGG16
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import IMAGENET_DEVIATION, IMAGENET_MEAN, DifferenceInput, PixelInput
from selfvid.errors import InputError


def clip(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def tiny() -> SmallNet:
    return SmallNet(channels=1, stages=(8, 16))


BACKBONES = [
    pytest.param(lambda: SmallNet(channels=3, stages=(8, 16), grid=2, features=5), 32, id="small"),
    pytest.param(lambda: ResNet(18), 32, id="resnet18"),
    pytest.param(lambda: ResNet(34), 32, id="resnet34"),
    pytest.param(lambda: ResNet(50), 32, id="resnet50"),
    pytest.param(lambda: VGG16("pool5"), 32, id="vgg16-pool5"),
    pytest.param(lambda: VGG16("fc6"), 32, id="vgg16-fc6", marks=pytest.mark.slow),
    pytest.param(lambda: AlexNet("fc7"), 64, id="alexnet-fc7", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("make", "size"), BACKBONES)
def test_widths_told_beforehand_are_the_widths_that_come_out(make: object, size: int) -> None:
    backbone = make()  # type: ignore[operator]
    assert isinstance(backbone, Backbone)
    encoder = FrameEncoder(backbone).eval()
    with torch.no_grad():
        features = encoder(clip(2, 3, 3, size, size))
    widths = encoder.widths
    assert features.clip.shape == (2, widths.clip)
    assert features.need_steps("test").shape == (2, 3, widths.steps)
    assert [m.shape[2] for m in features.need_maps("test")] == list(widths.maps)
    heights = [m.shape[3] for m in features.need_maps("test")]
    assert heights == sorted(heights, reverse=True)


@pytest.mark.parametrize("input_", [PixelInput("grey"), DifferenceInput()])
def test_a_batch_is_its_clips_one_by_one(input_: PixelInput) -> None:
    encoder = FrameEncoder(tiny(), input=input_).eval()
    frames = clip(3, 4, 3, 16, 16)
    whole = encoder(frames).clip
    alone = torch.cat([encoder(one[None]).clip for one in frames])
    torch.testing.assert_close(whole, alone)


def test_uint8_and_float_pixels_mean_the_same() -> None:
    encoder = FrameEncoder(tiny()).eval()
    frames = clip(1, 2, 3, 16, 16)
    torch.testing.assert_close(encoder(frames).clip, encoder(frames.float()).clip)


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


def test_differences_forget_what_does_not_move() -> None:
    still = clip(1, 1, 3, 8, 8).expand(1, 5, 3, 8, 8)
    assert DifferenceInput()(still).abs().max() == 0
    moving = clip(1, 3, 3, 8, 8).float()
    grey = (moving * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(2, keepdim=True) / 255
    by_hand = torch.stack([grey[:, 1] - grey[:, 0], grey[:, 2] - grey[:, 1]], 1) / 0.1
    torch.testing.assert_close(DifferenceInput()(moving), by_hand)


def test_input_and_backbone_must_agree_on_channels() -> None:
    with pytest.raises(InputError, match="input makes 1 channels, ResNet expects 3"):
        FrameEncoder(ResNet(18), input=PixelInput("grey"))


def test_a_deviation_that_cannot_be_divided_by_is_refused() -> None:
    with pytest.raises(InputError, match=r"deviation must be positive, got \[0.0\]"):
        PixelInput("grey", deviation=[0.0])


def test_downloaded_weights_begin_other_channels_as_the_mean_of_colours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    colours = ResNet(18).network.state_dict()
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: colours)
    grey = ResNet(18, weights="imagenet", channels=1).network.conv1.weight
    torch.testing.assert_close(grey[:, 0], colours["conv1.weight"].sum(1) / 3)


def test_a_missing_weights_file_is_one_line() -> None:
    with pytest.raises(InputError, match="is no file; expected random, imagenet or a file"):
        ResNet(18, weights="nowhere.pth")
