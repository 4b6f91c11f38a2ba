import pytest
import torch
from torch import Tensor

from selfvid.backbones.small import SmallNet
from selfvid.encoders.flow_input import FlowFields
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput, PixelInput
from selfvid.encoders.vectors import FlatFrames, FlatPatches, Percepts
from selfvid.errors import InputError

LUMA = torch.tensor([0.299, 0.587, 0.114])


def clips(batch: int = 2, frames: int = 5, size: tuple[int, int] = (12, 8)) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (batch, frames, 3, *size), generator=generator, dtype=torch.uint8)


def test_flat_frames_are_the_grey_pixels_row_by_row() -> None:
    clip = clips()
    expected = (clip.double() * LUMA.double()[:, None, None] / 255).sum(2)
    vectors = FlatFrames((12, 8))(clip)
    torch.testing.assert_close(vectors[:, 0].double(), expected.flatten(2), rtol=0, atol=1e-6)


def test_side_by_side_patches_are_cut_from_the_middle_row_by_row() -> None:
    clip = clips(size=(11, 9))
    module = FlatPatches(4, input=PixelInput("rgb", mean=(0, 0, 0), deviation=(1, 1, 1))).eval()
    vectors = module(clip)
    assert vectors.shape == (2, 4, 5, 3 * 4 * 4)
    # Two rows of two patches; 3 rows and 1 column of pixels are left over.
    third = clip[:, :, :, 1 + 4 : 1 + 8, 0:4].flatten(2) / 255
    torch.testing.assert_close(vectors[:, 2], third)


def test_a_training_patch_is_one_place_of_the_clip_in_all_its_frames() -> None:
    rows = torch.arange(12)[:, None] * 20 + torch.arange(8)[None]
    clip = rows.to(torch.uint8).expand(3, 5, 3, 12, 8)
    vectors = FlatPatches(4).train()(clip) * 255
    assert vectors.shape == (3, 1, 5, 48)
    patches = vectors.reshape(3, 5, 3, 4, 4)
    steps = torch.arange(4)[:, None] * 20.0 + torch.arange(4)[None]
    torch.testing.assert_close(patches - patches[..., :1, :1], steps.expand_as(patches))
    assert torch.equal(patches[:, :1].expand_as(patches), patches)


def test_percepts_are_what_the_frame_encoder_sees() -> None:
    network = FrameEncoder(SmallNet(channels=1, stages=(8,), norm="batch"))
    percepts = Percepts(network).train()
    assert not network.training
    assert not any(weight.requires_grad for weight in percepts.parameters())
    clip = clips()
    assert torch.equal(percepts(clip)[:, 0], network(clip).need_steps("test"))
    squashed = Percepts(network, squash=2.0)(clip)
    torch.testing.assert_close(squashed, percepts(clip).tanh())
    assert Percepts(FrameEncoder(SmallNet(channels=1, stages=(8,))), frozen=False).training


def test_what_does_not_fit_is_one_line() -> None:
    with pytest.raises(InputError, match=r"frames are \(12, 8\); FlatFrames expected \(8, 8\)"):
        FlatFrames((8, 8))(clips())
    with pytest.raises(InputError, match="FlatPatches expected at least 10 on each side"):
        FlatPatches(10)(clips())
    with pytest.raises(InputError, match="size must be H and W, both positive"):
        FlatFrames((8, 0))
    with pytest.raises(InputError, match="squash must be positive or null, got -1"):
        Percepts(FrameEncoder(SmallNet(channels=1, stages=(8,))), squash=-1)


def test_a_picture_of_pixels_is_the_frame() -> None:
    clip = clips()
    colours = FlatFrames((12, 8), input=PixelInput("rgb", mean=(0,) * 3, deviation=(1,) * 3))
    torch.testing.assert_close(colours.picture(colours(clip))[:, 0], clip / 255)
    grey = FlatFrames((12, 8))
    shown = grey.picture(grey(clip))
    assert shown.shape == (2, 1, 5, 3, 12, 8)
    assert torch.equal(shown[..., 0, :, :], shown[..., 2, :, :])


def test_in_a_picture_of_motion_grey_means_that_nothing_moves() -> None:
    differences = FlatFrames((1, 3), input=DifferenceInput())
    assert not differences.unit
    shown = differences.picture(torch.tensor([0.0, 1.0, -9.0]))
    assert shown[:, 0].tolist() == [[0.5, 0.75, 0.0]] * 3
    flow = FlatFrames((1, 1), input=FlowFields())
    assert flow.picture(torch.tensor([1.0, -1.0])).flatten().tolist() == [0.75, 0.25, 0.5]


def test_percepts_have_no_pictures() -> None:
    percepts = Percepts(FrameEncoder(SmallNet(channels=1, stages=(8,))))
    with pytest.raises(InputError, match="vectors of Percepts are no pictures"):
        percepts.picture(torch.zeros(8))


@pytest.mark.parametrize(("channels", "input"), [(2, FlowFields()), (3, PixelInput("rgb"))])
def test_percepts_take_the_clips_that_their_network_takes(
    channels: int, input: FlowFields | PixelInput
) -> None:
    network = FrameEncoder(SmallNet(channels=channels, stages=(8,)), input=input)
    percepts = Percepts(network)
    assert percepts.in_channels == channels
    clip = torch.zeros(2, 3, percepts.in_channels, 16, 16)
    assert percepts(clip).shape == (2, 1, 3, percepts.width)
