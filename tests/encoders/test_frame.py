import pytest
import torch
from torch import Tensor

from selfvid.backbones.alexnet import AlexNet
from selfvid.backbones.base import Backbone
from selfvid.backbones.resnet import ResNet
from selfvid.backbones.small import SmallNet
from selfvid.backbones.vgg import VGG16
from selfvid.encoders.frame import FrameEncoder, fitting_input
from selfvid.encoders.input import DifferenceInput, PixelInput
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
def test_declared_widths_are_those_of_the_features(make: object, size: int) -> None:
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


def test_input_and_backbone_must_agree_on_channels() -> None:
    with pytest.raises(InputError, match="input makes 1 channels, ResNet expects 3"):
        FrameEncoder(ResNet(18), input=PixelInput("grey"))


@torch.no_grad()
def test_the_clip_vector_is_the_mean_of_its_frames_vectors() -> None:
    backbone = tiny().eval()
    encoder = FrameEncoder(backbone, input=PixelInput("grey")).eval()
    frames = clip(2, 3, 3, 16, 16)
    features = encoder(frames)
    alone = [backbone(encoder.input(frames)[:, time]) for time in range(3)]
    vectors = torch.stack([each.vector for each in alone], 1)
    torch.testing.assert_close(features.need_steps("test"), vectors)
    torch.testing.assert_close(features.clip, sum(vectors.unbind(1)) / 3)
    for level, maps in enumerate(features.need_maps("test")):
        torch.testing.assert_close(maps[:, 2], alone[2].maps[level])


def test_without_an_input_the_channels_of_the_backbone_choose_the_colours() -> None:
    grey, colours = fitting_input(tiny(), None), fitting_input(SmallNet(stages=(8,)), None)
    assert (grey.channels, colours.channels) == (1, 3)
    own = DifferenceInput()
    assert fitting_input(tiny(), own) is own
