import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.patches import PatchNet
from selfvid.backbones.small import SmallNet
from selfvid.encoders.base import Provenance, load_encoder
from selfvid.encoders.conv_lstm import ConvLSTMEncoder
from selfvid.encoders.input import DifferenceInput, PixelInput
from selfvid.errors import InputError
from selfvid.export import export
from selfvid.recurrent import ConvLSTMCell, Stack


def clip(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def small() -> SmallNet:
    return SmallNet(channels=1, stages=(4,), kernel=5, norm="none", activation="tanh")


def tiny(**more: object) -> ConvLSTMEncoder:
    torch.manual_seed(0)
    arguments: dict[str, object] = {"hidden": 6, "kernel": 3, "bound": 0.4} | more
    return ConvLSTMEncoder(small(), **arguments).eval()  # type: ignore[arg-type]


def only_cell(encoder: ConvLSTMEncoder) -> ConvLSTMCell:
    assert isinstance(encoder.lstm.cell, Stack)
    (cell,) = encoder.lstm.cell.cells
    assert isinstance(cell, ConvLSTMCell)
    return cell


def parameters(*tensors: Tensor | None) -> int:
    return sum(tensor.numel() for tensor in tensors if tensor is not None)


ENCODERS: list[Callable[[], ConvLSTMEncoder]] = [
    tiny,
    lambda: tiny(layers=2, untied_first=False, peepholes="place", size=(8, 8)),
    lambda: tiny(grid=2, input=DifferenceInput()),
    lambda: tiny(memory=False),
    lambda: ConvLSTMEncoder(PatchNet(channels=3), hidden=5, kernel=3).eval(),
]


@pytest.mark.parametrize("make", ENCODERS)
def test_declared_widths_are_those_of_the_features(
    make: Callable[[], ConvLSTMEncoder],
) -> None:
    encoder = make()
    features = encoder(clip(2, 4, 3, 16, 16))
    steps = 4 - encoder.window + 1
    assert features.clip.shape == (2, encoder.widths.clip)
    assert features.need_steps("test").shape == (2, steps, encoder.widths.steps)
    assert [m.shape[:3] for m in features.need_maps("test")] == [
        (2, steps, width) for width in encoder.widths.maps
    ]


def test_the_papers_sizes_have_the_papers_parameters() -> None:
    encoder = ConvLSTMEncoder(
        SmallNet(channels=1, stages=[32], kernel=7, norm="none", activation="tanh")
    )
    cell = only_cell(encoder)
    assert parameters(*encoder.backbone.parameters()) == 32 * 7 * 7 + 32
    assert parameters(cell.first_weight, cell.first_bias) == 211_815
    assert parameters(cell.input_weight, cell.recurrent_weight, cell.bias) == 679_320
    assert max(float(p.detach().abs().max()) for p in encoder.lstm.parameters()) <= 0.08


def test_the_memory_follows_the_papers_equations() -> None:
    encoder = tiny().double()
    cell = only_cell(encoder)
    assert cell.first_weight is not None
    assert cell.first_bias is not None
    assert cell.input_weight is not None
    with torch.no_grad():
        cell.bias.normal_()
        cell.first_bias.normal_()
    features, memory = encoder(clip(2, 4, 3, 16, 16)).need_maps("test")

    def gate(x: Tensor, weights: Tensor, bias: Tensor | None, number: int) -> Tensor:
        rows = slice(6 * number, 6 * number + 6)
        return functional.conv2d(x, weights[rows], None if bias is None else bias[rows], padding=1)

    x = features[:, 0]
    i, g, o = (gate(x, cell.first_weight, cell.first_bias, number) for number in range(3))
    c = i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    torch.testing.assert_close(memory[:, 0], h)
    for time in range(1, 4):
        x = features[:, time]
        i, f, g, o = (
            gate(x, cell.input_weight, cell.bias, number)
            + gate(h, cell.recurrent_weight, None, number)
            for number in range(4)
        )
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        torch.testing.assert_close(memory[:, time], h)


def test_steps_are_averages_of_the_memory_and_the_clip_is_the_last() -> None:
    features = tiny(grid=2)(clip(2, 3, 3, 16, 16))
    memory = features.need_maps("test")[-1]
    quarters = [
        memory[..., rows, columns].mean((3, 4))
        for rows in (slice(0, 4), slice(4, 8))
        for columns in (slice(0, 4), slice(4, 8))
    ]
    by_hand = torch.stack(quarters, -1).flatten(2)
    torch.testing.assert_close(features.need_steps("test"), by_hand)
    torch.testing.assert_close(features.clip, by_hand[:, -1])


def test_memory_carries_what_came_before_and_its_ablation_carries_nothing() -> None:
    frames = clip(1, 3, 3, 16, 16)
    other = torch.cat((clip(1, 2, 3, 16, 16, seed=1), frames[:, 2:]), 1)
    without = tiny(memory=False)
    assert not torch.allclose(tiny()(frames).clip, tiny()(other).clip)
    torch.testing.assert_close(without(frames).clip, without(other).clip)
    # Each step without memory is the first step of a clip that begins there.
    torch.testing.assert_close(without(frames).clip, tiny()(frames[:, 2:]).clip)


@pytest.mark.parametrize("untied", [True, False])
def test_without_memory_every_weight_that_wants_a_gradient_gets_one(untied: bool) -> None:
    encoder = tiny(memory=False, layers=2, untied_first=untied)
    encoder(clip(2, 3, 3, 16, 16)).clip.square().sum().backward()
    wanting = [p for p in encoder.parameters() if p.requires_grad]
    assert all(p.grad is not None and p.grad.any() for p in wanting)
    assert len(wanting) < len(list(encoder.parameters()))


def test_flow_is_read_from_the_memory_in_pixels_of_the_frame() -> None:
    encoder = tiny(flow_kernel=3)
    assert encoder.widths.flow
    assert encoder.flow_head is not None
    assert encoder(clip(2, 3, 3, 16, 16)).need_flow("test").abs().max() == 0
    nn.init.normal_(encoder.flow_head.layers[-1].weight)  # type: ignore[arg-type]
    features = encoder(clip(2, 3, 3, 16, 16))
    memory = features.need_maps("test")[-1]
    x = memory[1, 2][None]
    for layer in encoder.flow_head.layers:
        assert isinstance(layer, nn.Conv2d)
        x = functional.conv2d(x, layer.weight, layer.bias, padding=layer.kernel_size[0] // 2)
    flow = features.need_flow("test")
    assert flow.shape == (2, 3, 2, 16, 16)
    # The centre of each 2x2 pixels is one place of the map; its flow is twice as long in pixels.
    middles = functional.avg_pool2d(flow[1, 2], 2)[:, 1:-1, 1:-1]
    smooth = functional.conv2d(
        functional.pad(x, (1, 1, 1, 1), mode="replicate").transpose(0, 1),
        torch.outer(*[torch.tensor([0.125, 0.75, 0.125])] * 2)[None, None],
    )
    torch.testing.assert_close(middles, 2 * smooth[:, 0, 1:-1, 1:-1].clamp(-2, 2))


def test_a_saved_encoder_is_the_same_again(tmp_path: Path) -> None:
    encoder = tiny(layers=2, input=PixelInput("grey", mean=[0.0], deviation=[1.0]))
    encoder.save(tmp_path / "encoder")
    frames = clip(2, 3, 3, 16, 16)
    torch.testing.assert_close(
        load_encoder(tmp_path / "encoder")(frames).clip, encoder(frames).clip
    )


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "program"])
@pytest.mark.parametrize(
    "more",
    [{"flow_kernel": 3}, {"memory": False}, {"layers": 2, "untied_first": False}],
)
def test_exports_take_clips_of_any_length(
    more: dict[str, object], format: Literal["onnx", "program"], tmp_path: Path
) -> None:
    encoder = tiny(**more)
    if encoder.flow_head is not None:
        nn.init.constant_(encoder.flow_head.layers[-1].bias, 0.7)  # type: ignore[arg-type]
    encoder.provenance = Provenance(frames=5, size=(16, 16))
    encoder.save(tmp_path / "run" / "encoder")
    made = export(tmp_path / "run", format=format, quiet=True)
    assert made.plan.any_length, made.reason
    assert made.parity.difference < 1e-5
    outputs = json.loads((made.folder / "encoder.json").read_text())["outputs"]
    assert outputs.get("flow") == (["B", "S", 2, 16, 16] if "flow_kernel" in more else None)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"grid": 0}, "grid must be positive, got 0"),
        ({"flow_kernel": 4}, "flow_kernel must be odd to keep H and W, got 4"),
        ({"kernel": 4}, "needs an odd kernel to keep H and W, got 4"),
        ({"layers": 0}, "layers must be at least 1, got 0"),
        ({"input": PixelInput("rgb")}, "input makes 3 channels, SmallNet expects 1"),
        ({"peepholes": "place"}, "size is given with peepholes 'place' and only then"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(more: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        tiny(**more)
    assert "\n" not in str(raised.value)
