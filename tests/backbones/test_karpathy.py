from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.karpathy import (
    EarlyFusion,
    FusionNet,
    LateFusion,
    SingleFrame,
    SlowFusion,
    Tower,
    stream,
)
from selfvid.encoders.clip import ClipEncoder
from selfvid.errors import InputError
from selfvid.finetuning.classifier import Classifier
from selfvid.heads.average import Average
from selfvid.training.rates import Rates, freeze_statistics
from tests.backbones.sizes import counted

NETWORKS = [SingleFrame, EarlyFusion, LateFusion, SlowFusion]
DENSE = 4096
CONVOLUTIONS = 3 * 11**2, 96 * 5**2, 256 * 3**2, 384 * 3**2, 384 * 3**2
FILTERS = 96, 256, 384, 384, 256


@pytest.fixture
def weightless() -> Iterator[None]:
    """Networks without memory: published ones would take hundreds of megabytes each."""
    with torch.device("meta"):
        yield


def sizes(net: FusionNet, side: int) -> list[tuple[int, int]]:
    """T and H behind each convolution and pooling."""
    found: list[tuple[int, int]] = []
    for layer in net.modules():
        if isinstance(layer, (nn.Conv3d, nn.MaxPool3d)):
            layer.register_forward_hook(lambda _, __, out: found.append((*out.shape[2:4],)))
    net(torch.zeros(1, 3, net.frames, side, side))
    return found


def parameters(extents: tuple[int, ...], fc6_inputs: int, *, towers: int = 1) -> int:
    """Weights and biases of five convolutions of those extents in time, and two dense layers."""
    each = zip(CONVOLUTIONS, FILTERS, extents, strict=True)
    tower = sum(inputs * extent * outputs + outputs for inputs, outputs, extent in each)
    return towers * tower + fc6_inputs * DENSE + DENSE + DENSE * DENSE + DENSE


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    ("make", "times"),
    [
        (SingleFrame, [1] * 8),
        (EarlyFusion, [1] * 8),
        (LateFusion, [2] * 8),
        (SlowFusion, [4, 4, 2, 2, 1, 1, 1, 1]),
    ],
)
def test_published_networks_have_the_papers_sizes(make: type[FusionNet], times: list[int]) -> None:
    sides = [57, 28, 28, 14, 14, 14, 14, 7]
    assert sizes(make(), 170) == list(zip(times, sides, strict=True))


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("streams", ["fovea", "context"])
def test_a_stream_ends_in_seven_by_seven_without_the_last_pooling(streams: str) -> None:
    net = SingleFrame(streams=streams)  # type: ignore[arg-type]
    assert [side for _, side in sizes(net, 178)] == [30, 15, 15, 7, 7, 7, 7]


@pytest.mark.usefixtures("weightless")
def test_published_networks_have_as_many_weights_as_the_papers_layers() -> None:
    last = 256 * 7 * 7
    assert counted(SingleFrame()) == parameters((1, 1, 1, 1, 1), last)
    assert counted(EarlyFusion()) == parameters((10, 1, 1, 1, 1), last)
    assert counted(LateFusion()) == parameters((1, 1, 1, 1, 1), 2 * last)
    assert counted(SlowFusion()) == parameters((4, 2, 2, 1, 1), last)
    both = parameters((4, 2, 2, 1, 1), 2 * last, towers=2)
    assert counted(SlowFusion(streams="both")) == both
    assert counted(SlowFusion(streams="fovea")) == counted(SlowFusion())


@pytest.mark.parametrize("streams", ["whole", "both", "fovea", "context"])
@pytest.mark.parametrize("make", NETWORKS)
def test_every_network_takes_every_stream(make: type[FusionNet], streams: str) -> None:
    net = make("small", streams=streams).eval()  # type: ignore[arg-type]
    found = net(torch.randn(2, 3, net.frames, 64, 64))
    assert found.vector.shape == (2, net.widths.clip)
    assert tuple(m.shape[1] for m in found.maps) == net.widths.maps
    assert found.maps[-1].shape[-2:] == (4, 4)


def test_slow_fusion_shares_the_filters_of_a_layer_over_time() -> None:
    torch.manual_seed(0)
    net = SlowFusion("small", norm="batch").eval()
    clip = torch.randn(1, 3, 10, 64, 64)
    tower = net.network["whole"]
    assert isinstance(tower, Tower)
    first, norm = list(tower.stages[0].children())[:2]
    seen = [clip[:, :, start : start + 4] for start in (0, 2, 4, 6)]
    assert isinstance(first, nn.Conv3d)
    # Four frames at once are a picture of four times the channels.
    flat = first.weight.flatten(1, 2)
    by_hand = [functional.conv2d(s.flatten(1, 2), flat, stride=2, padding=3) for s in seen]
    maps = functional.max_pool2d(norm(torch.stack(by_hand, 2)).relu().squeeze(0), 2)
    torch.testing.assert_close(net(clip).maps[0].squeeze(0), maps, rtol=1e-4, atol=1e-5)


def test_late_fusion_sees_the_ends_of_a_clip_through_one_tower() -> None:
    torch.manual_seed(0)
    late, single = LateFusion("small").eval(), SingleFrame("small").eval()
    single.network["whole"].load_state_dict(late.network["whole"].state_dict())
    clip = torch.randn(2, 3, 16, 64, 64)
    last = late(clip).maps[-1]
    for place, frame in enumerate((0, 15)):
        alone = single(clip[:, :, frame : frame + 1]).maps[-1]
        torch.testing.assert_close(last[:, :, place], alone[:, :, 0])
    between = clip.clone()
    between[:, :, 1:15] = 0
    assert torch.equal(late(between).vector, late(clip).vector)


def test_fovea_is_the_middle_and_context_the_mean_of_four_pixels() -> None:
    clip = torch.randn(1, 2, 3, 8, 12)
    assert torch.equal(stream(clip, "fovea"), clip[..., 2:6, 3:9])
    context = stream(clip, "context")
    for row in range(4):
        for column in range(6):
            block = clip[..., 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            torch.testing.assert_close(context[..., row, column], block.mean((-2, -1)))


def test_two_streams_are_two_towers_side_by_side() -> None:
    torch.manual_seed(0)
    both = SlowFusion("small", streams="both").eval()
    clip = torch.randn(1, 3, 10, 64, 64)
    maps = both(clip).maps
    for place, part in enumerate(("fovea", "context")):
        alone = both.network[part](stream(clip, part))
        for level, mine in zip(maps, alone, strict=True):
            torch.testing.assert_close(level.chunk(2, 1)[place], mine)
    differ = [
        not torch.equal(*pair)
        for pair in zip(
            both.network["fovea"].parameters(), both.network["context"].parameters(), strict=True
        )
    ]
    assert any(differ)


MODES: dict[str, tuple[dict[str, float], set[str]]] = {
    "top layer": ({"encoder": 0}, {"head"}),
    "top three layers": (
        {"encoder": 0, "encoder.backbone.network.classifier": 1},
        {"head", "encoder.backbone.network.classifier"},
    ),
    "all layers": (
        {},
        {"head", "encoder.backbone.network.classifier", "encoder.backbone.network.whole"},
    ),
}


@pytest.mark.parametrize("mode", MODES)
def test_transfer_trains_the_layers_that_the_paper_says(mode: str) -> None:
    torch.manual_seed(0)
    factors, wanted = MODES[mode]
    encoder = ClipEncoder(SlowFusion("small", dropout=0.5))
    model = Classifier(encoder, Average(encoder.widths, 3, dropout=0.5))
    rates = Rates(factors)
    rates.check(model)
    rates.freeze(model)
    freeze_statistics(model.train())
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    optimiser = torch.optim.SGD([w for w in model.parameters() if w.requires_grad], lr=0.1)
    clip = torch.randint(0, 256, (8, 10, 3, 64, 64), dtype=torch.uint8)
    prediction, _ = model(clip)
    model.head.loss(prediction, torch.arange(8) % 3).backward()
    optimiser.step()
    moved = {name for name, weight in model.named_parameters() if not weight.equal(before[name])}
    for name in before:
        trained = any(name.startswith(f"{part}.") for part in wanted)
        assert (name in moved) == trained, name


def test_nine_of_ten_units_are_dropped_before_the_layers_that_learn() -> None:
    torch.manual_seed(0)
    encoder = ClipEncoder(SlowFusion("small", dropout=0.9))
    model = Classifier(encoder, Average(encoder.widths, 3, dropout=0.9)).train()
    kept = {}

    def note(name: str) -> object:
        def keep(_: nn.Module, __: tuple[Tensor, ...], out: Tensor) -> None:
            kept[name] = (out != 0).float().mean().item()

        return keep

    for name, layer in model.named_modules():
        if isinstance(layer, nn.Dropout):
            # Ones instead of units, because some units are zero after their ReLU anyway.
            layer.register_forward_pre_hook(lambda _, inputs: (torch.ones_like(inputs[0]),))
            layer.register_forward_hook(note(name))  # type: ignore[arg-type]
    model(torch.zeros(16, 10, 3, 64, 64, dtype=torch.uint8))
    assert len(kept) == 3  # in front of fc6, fc7 and the classifier
    for share in kept.values():
        assert share == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(
    ("shape", "complaint"),
    [
        ((1, 3, 9, 64, 64), r"SlowFusion takes \(N, 3, 10, H, W\), got \(1, 3, 9, 64, 64\)"),
        ((1, 1, 10, 64, 64), r"SlowFusion takes \(N, 3, 10, H, W\)"),
        ((1, 3, 10, 14, 64), "frames of 14×64 are too small for SlowFusion; expected at least 15"),
    ],
)
def test_clips_that_cannot_be_seen_are_refused(shape: tuple[int, ...], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        SlowFusion("small")(torch.zeros(shape))


@pytest.mark.parametrize("streams", ["whole", "both"])
def test_the_least_frames_are_seen(streams: str) -> None:
    net = SlowFusion("small", streams=streams).eval()  # type: ignore[arg-type]
    assert net(torch.zeros(1, 3, 10, net.least, net.least)).vector.shape == (1, 256)
    net.least -= 1
    with pytest.raises(RuntimeError):
        net(torch.zeros(1, 3, 10, net.least, net.least))


@pytest.mark.parametrize(
    "arguments", [{"size": "huge"}, {"streams": "left"}, {"channels": 0}, {"dropout": 1.0}]
)
def test_arguments_that_cannot_be_are_refused(arguments: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match="expected"):
        SlowFusion(**arguments)
