from pathlib import Path

import pytest
import torch
from torch import nn

from selfvid.backbones.c3d import C3D, RELEASED
from selfvid.errors import InputError

LAYERS = [
    (3, 64),
    (64, 128),
    (128, 256),
    (256, 256),
    (256, 512),
    (512, 512),
    (512, 512),
    (512, 512),
]


@torch.inference_mode()
def test_the_published_network_has_the_released_ones_sizes() -> None:
    with torch.device("meta"):
        net = C3D("fc7")
        found = net(torch.zeros(1, 3, 16, 112, 112))
    assert [tuple(m.shape[2:]) for m in found.maps] == [
        (16, 56, 56),
        (8, 28, 28),
        (4, 14, 14),
        (2, 7, 7),
        (1, 4, 4),
    ]
    assert found.vector.shape == (1, 4096)
    convolutions = sum(27 * before * after + after for before, after in LAYERS)
    dense = 8192 * 4096 + 4096 + 4096 * 4096 + 4096
    assert sum(weight.numel() for weight in net.parameters()) == convolutions + dense
    assert net.widths.maps == (64, 128, 256, 512, 512)


@torch.inference_mode()
def test_pool5_takes_zeros_in_space_and_none_in_time() -> None:
    torch.manual_seed(0)
    net = C3D(size="small").eval()
    clip = torch.randn(1, 3, 16, 64, 64)
    before = net.network["features"][-1][:-1](net(clip).maps[3])  # type: ignore[index]
    zeros = nn.functional.pad(before, (1, 1, 1, 1))
    torch.testing.assert_close(net(clip).maps[4], nn.functional.max_pool3d(zeros, 2))


@torch.inference_mode()
def test_frames_of_another_size_are_averaged_to_the_places_of_fc6() -> None:
    torch.manual_seed(0)
    net = C3D(size="small").eval()
    clip = torch.randn(1, 3, 16, 112, 112)
    found = net(clip)
    assert found.maps[-1].shape[-2:] == (4, 4)
    averaged = nn.functional.adaptive_avg_pool3d(found.maps[-1], (1, 3, 3))
    torch.testing.assert_close(found.vector, net.network["classifier"](averaged.flatten(1)))


def test_weights_come_from_a_file_or_not_at_all(tmp_path) -> None:  # type: ignore[no-untyped-def]
    net = C3D(size="small")
    torch.save(net.network.state_dict(), tmp_path / "c3d.pth")
    again = C3D(size="small", weights=str(tmp_path / "c3d.pth"))
    for one, other in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(InputError, match="expected random or a file"):
        C3D(size="small", weights="kinetics")
    wider = C3D(size="small", channels=2, weights=str(tmp_path / "c3d.pth"))
    colours = net.network.state_dict()["features.0.0.weight"]
    mean = sum(colours[:, n] for n in range(3)) / 3
    torch.testing.assert_close(wider.network.state_dict()["features.0.0.weight"][:, 1], mean)


def test_the_released_layers_names_are_known(tmp_path: Path) -> None:
    net = C3D("fc7", size="small")
    places = {f"features.{n}.0": f"conv{n + 1}" for n in range(5)}
    places |= {"classifier.1": "fc6", "classifier.4": "fc7"}
    state = net.network.state_dict()
    released = {
        f"{places[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": value
        for name, value in state.items()
    }
    torch.save({**released, "fc8.weight": torch.zeros(487, 256)}, tmp_path / "c3d.pth")
    again = C3D("fc7", size="small", weights=str(tmp_path / "c3d.pth")).network.state_dict()
    assert all(torch.equal(again[name], value) for name, value in state.items())
    torch.save({"first.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(
        InputError, match=r"first 'classifier.1.bias'; .* with layers conv1, conv1a"
    ):
        C3D(size="small", weights=str(tmp_path / "other.pth"))
    deep = set(C3D("fc7").network.state_dict())
    layers = {name.rpartition(".")[0] for name in deep}
    assert layers == set(RELEASED.values())


@pytest.mark.parametrize(
    "arguments",
    [{"size": "huge"}, {"vector": "fc8"}, {"vector": "fc7", "dropout": -0.1}, {"dropout": 0.5}],
)
def test_arguments_that_cannot_be_are_refused(arguments: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match="expected"):
        C3D(**arguments)


def test_frames_that_are_too_small_are_refused() -> None:
    with pytest.raises(InputError, match="frames of 15×16 are too small for C3D"):
        C3D(size="small")(torch.zeros(1, 3, 16, 15, 16))
