from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from selfvid.backbones.small import SmallNet
from selfvid.encoders.base import load_encoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput
from selfvid.encoders.lstm import LSTMEncoder, stacked_lstm
from selfvid.encoders.vectors import FlatFrames, FlatPatches, FrameVectors, Percepts
from selfvid.errors import InputError
from selfvid.recurrent import PeepholeLSTMCell

VECTORS: dict[str, Callable[[], FrameVectors]] = {
    "frames": lambda: FlatFrames((12, 8)),
    "differences": lambda: FlatFrames((12, 8), input=DifferenceInput()),
    "patches": lambda: FlatPatches(4),
    "percepts": lambda: Percepts(FrameEncoder(SmallNet(channels=1, stages=(8,)))),
}


def clips(batch: int = 2, frames: int = 5, size: tuple[int, int] = (12, 8)) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (batch, frames, 3, *size), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("layers", [1, 2])
def test_declared_widths_are_those_of_the_features(name: str, layers: int) -> None:
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


def test_the_mean_is_that_of_the_outputs_of_the_top_layer() -> None:
    encoder = LSTMEncoder(FlatFrames((12, 8)), hidden=6, layers=2, read="mean")
    features = encoder(clips())
    steps = features.need_steps("test").unbind(1)
    torch.testing.assert_close(features.clip, sum(steps, torch.zeros(())) / len(steps))
    assert encoder.widths.clip == features.clip.shape[1] == 6


@pytest.mark.parametrize("name", VECTORS)
def test_an_encoder_comes_back_from_its_folder(name: str, tmp_path: Path) -> None:
    encoder = LSTMEncoder(VECTORS[name](), hidden=6).eval()
    again = load_encoder(encoder.save(tmp_path / "encoder"))
    assert torch.equal(encoder(clips()).clip, again(clips()).clip)


def test_layers_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="layers must be at least 1, got 0"):
        LSTMEncoder(FlatFrames((8, 8)), hidden=4, layers=0)
    with pytest.raises(InputError, match="read is 'outputs'; expected hidden, memory, both"):
        LSTMEncoder(FlatFrames((8, 8)), hidden=4, read="outputs")  # type: ignore[arg-type]


@torch.no_grad()
def test_parts_of_a_clip_are_sequences_of_their_own_and_then_averaged() -> None:
    torch.manual_seed(0)
    encoder = LSTMEncoder(FlatPatches(4), hidden=6).eval()
    clip = clips(size=(8, 12))
    features = encoder(clip)
    vectors = FlatPatches(4).eval()(clip)
    each = [encoder.run(vectors[:, part]) for part in range(6)]
    steps = sum(outputs for outputs, _ in each) / 6
    torch.testing.assert_close(features.need_steps("test"), steps)
    final = sum(torch.cat(state, 1) for _, state in each) / 6
    torch.testing.assert_close(features.clip, final)


def test_a_stack_without_inputs_has_input_weights_above_its_first_layer_only() -> None:
    stack = stacked_lstm(0, 5, layers=3, peepholes=True, bound=0.25)
    cells = [cell for cell in stack.cells if isinstance(cell, PeepholeLSTMCell)]
    assert [cell.input_weight is None for cell in cells] == [True, False, False]
    for weight in stack.parameters():
        assert weight.abs().max() <= 0.25


def test_weights_of_every_layer_are_drawn_within_the_bound() -> None:
    torch.manual_seed(0)
    encoder = LSTMEncoder(FlatFrames((8, 8)), hidden=40, layers=2, bound=0.02)
    free = LSTMEncoder(FlatFrames((8, 8)), hidden=40, layers=2)
    for name, weight in encoder.lstm.named_parameters():
        if name.endswith("weight"):
            assert 0.018 < weight.abs().max() <= 0.02
            assert free.lstm.get_parameter(name).abs().max() > 0.1
