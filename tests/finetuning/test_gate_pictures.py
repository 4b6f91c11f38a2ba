"""Gates are drawn of the crop that is classified, with every layer, for pixels and for flow."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.crops import Crop
from selfvid.encoders.base import Encoder
from selfvid.encoders.crops import on_crops
from selfvid.encoders.flow_input import FlowImage, FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.vectors import Percepts
from selfvid.finetuning.classifier import Classifier
from selfvid.finetuning.gate_pictures import gate_pictures
from selfvid.heads.average import Average
from selfvid.heads.base import Head
from selfvid.heads.conv3d_lstm import Conv3dLSTM
from selfvid.heads.gru_rcn import GRURCN
from selfvid.heads.lrcn import LRCN
from selfvid.pictures import flow_in_colour, gates
from selfvid.recurrent import PeepholeLSTMCell, unroll
from tests.finetuning.tuned import small

Drawn = list[tuple[Tensor, dict[str, Any]]]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """What is given to the function that draws."""
    found: Drawn = []

    def noting(frames: Tensor, layers: dict[str, Any], **more: Any) -> Any:
        found.append((frames, layers))
        return gates(frames, layers, **more)

    monkeypatch.setattr("selfvid.finetuning.gate_pictures.gates", noting)
    return found


def classified(encoder: Encoder, head: Head, clip: Tensor, crop: Crop) -> Tensor:
    """What the network gets of the first view, as the tester cuts it: the backbone's input."""
    got: list[Tensor] = []
    (network,) = (each for each in encoder.modules() if isinstance(each, SmallNet))
    network.register_forward_hook(lambda _, given, __: got.append(given[0]))
    on_crops(Classifier(encoder, head).eval(), clip, crop.views)
    return got[0].unflatten(0, (crop.count, -1))[0]  # (S, C, h, w)


def flow_net(input: Any) -> FrameEncoder:
    return FrameEncoder(SmallNet(channels=input.channels, stages=(8, 8)), input=input)


@pytest.mark.parametrize("tested", ["centre", "ten", "four"])
def test_frames_above_the_gates_are_the_crop_that_is_classified(tested: Any, drawn: Drawn) -> None:
    crop, clip = Crop(16, tested=tested), torch.randint(0, 256, (1, 4, 3, 24, 28)).byte()
    encoder = small()
    head = LRCN(encoder.widths, 3, hidden=5, layers=2)
    pictures = gate_pictures(Classifier(encoder, head).eval(), clip, crop)
    assert list(pictures) == ["head"]
    ((frames, layers),) = drawn
    assert list(layers) == ["lstm layer 1, forward", "lstm layer 2, forward"]
    assert isinstance(encoder, FrameEncoder)
    torch.testing.assert_close(
        encoder.input(frames[None])[0], classified(encoder, head, clip, crop)
    )


def test_a_stack_of_flow_is_drawn_by_its_first_field(drawn: Drawn) -> None:
    crop, clip = Crop(16, tested="ten"), torch.randn(1, 6, 2, 24, 28)
    encoder = flow_net(FlowStack(3))
    head = Conv3dLSTM(encoder.widths, 3, hidden=5)
    gate_pictures(Classifier(encoder, head).eval(), clip, crop)
    ((frames, _),) = drawn
    stacks = classified(encoder, head, clip, crop)  # (4, 6, 16, 16), without the fields' means
    torch.testing.assert_close(frames, flow_in_colour(stacks[:, :2]))


def test_single_fields_of_flow_are_drawn_in_colour(drawn: Drawn) -> None:
    crop, clip = Crop(16), torch.randn(1, 4, 2, 24, 28)
    encoder = flow_net(FlowImage())
    head = GRURCN(encoder.widths, 3, bidirectional=True, hidden=[3, 3, 3])
    gate_pictures(Classifier(encoder, head).eval(), clip, crop)
    ((frames, layers),) = drawn
    assert torch.equal(frames, flow_in_colour(crop.views(clip)[0]))
    assert set(layers) == {
        f"layer {n}, {way}" for n in (1, 2, 3) for way in ("forward", "backward")
    }


@pytest.mark.parametrize("kind", ["lstm", "conv lstm"])
def test_gates_of_encoders_are_drawn_beside_those_of_the_head(kind: str, drawn: Drawn) -> None:
    clip, encoder = torch.randint(0, 256, (1, 4, 3, 32, 32)).byte(), small(kind)
    for head, wanted in (
        (Average(encoder.widths, 3), ["encoder"]),
        (LRCN(encoder.widths, 3, hidden=5), ["encoder", "head"]),
    ):
        pictures = gate_pictures(Classifier(encoder, head).eval(), clip, None)
        assert sorted(pictures) == wanted
    assert all(torch.equal(frames, clip[0]) for frames, _ in drawn)


def test_a_step_is_drawn_below_the_last_frame_that_it_sees(drawn: Drawn) -> None:
    clip, encoder = torch.randint(0, 256, (1, 6, 3, 32, 32)).byte(), small("sliding")
    gate_pictures(Classifier(encoder, LRCN(encoder.widths, 3, hidden=5)).eval(), clip, None)
    assert torch.equal(drawn[0][0], clip[0, encoder.window - 1 :: encoder.stride])


def test_the_gates_are_those_of_the_view_and_of_their_layer(drawn: Drawn) -> None:
    crop, clip = Crop(16), torch.randint(0, 256, (1, 4, 3, 24, 28)).byte()
    net = small()
    assert isinstance(net, FrameEncoder)
    encoder = LSTMEncoder(Percepts(net), hidden=4, layers=2)
    gate_pictures(Classifier(encoder, Average(encoder.widths, 3)).eval(), clip, crop)
    with torch.no_grad():
        x = encoder.vectors(crop.views(clip))[0, :, :1]  # (1, 1, D), the first step
        for cell, values in zip(encoder.lstm.cells, drawn[0][1].values(), strict=True):
            assert isinstance(cell, PeepholeLSTMCell)
            assert cell.input_weight is not None
            opened = nn.functional.linear(x[0, 0], cell.input_weight, cell.bias).sigmoid()
            forget = next(each for name, each in values.items() if name.startswith("forget"))
            torch.testing.assert_close(forget[0], opened.chunk(4)[1])
            x, _ = unroll(cell, x)
