from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from selfvid.backbones.small import SmallNet
from selfvid.encoders.base import load_encoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput, PixelInput
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.vectors import FlatFrames, FlatPatches, FrameVectors, Percepts
from selfvid.errors import InputError
from selfvid.recurrent import PeepholeLSTMCell

LUMA = torch.tensor([0.299, 0.587, 0.114])

VECTORS: dict[str, Callable[[], FrameVectors]] = {
    "frames": lambda: FlatFrames((12, 8)),
    "differences": lambda: FlatFrames((12, 8), input=DifferenceInput()),
    "patches": lambda: FlatPatches(4),
    "percepts": lambda: Percepts(FrameEncoder(SmallNet(channels=1, stages=(8,)))),
}


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


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("layers", [1, 2])
def test_widths_told_beforehand_are_the_widths_that_come_out(name: str, layers: int) -> None:
    encoder = LSTMEncoder(VECTORS[name](), hidden=6, layers=layers).eval()
    features = encoder(clips())
    assert features.clip.shape == (2, encoder.widths.clip)
    assert features.steps is not None
    assert features.steps.shape == (2, 5 - encoder.window + 1, encoder.widths.steps)


def test_the_encoder_is_an_lstm_over_frames() -> None:
    torch.manual_seed(0)
    encoder = LSTMEncoder(FlatFrames((12, 8)), hidden=6, layers=2, peepholes=False)
    theirs = nn.LSTM(96, 6, num_layers=2, batch_first=True)
    for layer, cell in enumerate(encoder.lstm.layers):
        assert isinstance(cell, PeepholeLSTMCell)
        assert cell.input_weight is not None
        theirs.get_parameter(f"weight_ih_l{layer}").data = cell.input_weight.data
        theirs.get_parameter(f"weight_hh_l{layer}").data = cell.recurrent_weight.data
        theirs.get_parameter(f"bias_ih_l{layer}").data = cell.bias.data
        theirs.get_parameter(f"bias_hh_l{layer}").data.zero_()
    features = encoder(clips())
    outputs, (h, c) = theirs(FlatFrames((12, 8))(clips())[:, 0])
    torch.testing.assert_close(features.steps, outputs)
    torch.testing.assert_close(features.clip, torch.cat((h[1], h[0], c[1], c[0]), 1))


def test_what_is_read_of_the_state_is_a_choice() -> None:
    clip = clips()
    widths = {}
    for read in ("hidden", "memory", "both"):
        torch.manual_seed(0)
        encoder = LSTMEncoder(FlatFrames((12, 8)), hidden=6, read=read)
        widths[read] = encoder(clip).clip
    torch.testing.assert_close(widths["both"], torch.cat((widths["hidden"], widths["memory"]), 1))


@pytest.mark.parametrize("name", VECTORS)
def test_an_encoder_comes_back_from_its_folder(name: str, tmp_path: Path) -> None:
    encoder = LSTMEncoder(VECTORS[name](), hidden=6).eval()
    again = load_encoder(encoder.save(tmp_path / "encoder"))
    assert torch.equal(encoder(clips()).clip, again(clips()).clip)


def test_what_does_not_fit_is_one_line() -> None:
    with pytest.raises(InputError, match=r"frames are \(12, 8\); FlatFrames expected \(8, 8\)"):
        FlatFrames((8, 8))(clips())
    with pytest.raises(InputError, match="FlatPatches expected at least 10 on each side"):
        FlatPatches(10)(clips())
    with pytest.raises(InputError, match="layers must be at least 1, got 0"):
        LSTMEncoder(FlatFrames((8, 8)), hidden=4, layers=0)
    with pytest.raises(InputError, match="size must be H and W, both positive"):
        FlatFrames((8, 0))
    with pytest.raises(InputError, match="squash must be positive or null, got -1"):
        Percepts(FrameEncoder(SmallNet(channels=1, stages=(8,))), squash=-1)
