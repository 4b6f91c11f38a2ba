from pathlib import Path

import pytest
import torch
from torch import nn

from selfvid.backbones.caffenet import HybridCaffeNet
from selfvid.backbones.cnn_m import CNNM2048
from selfvid.errors import InputError


def sides(net: nn.Module, frames: torch.Tensor) -> list[int]:
    """Side of the output of each convolution and pooling."""
    found: list[int] = []
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d)):
            layer.register_forward_hook(lambda _, __, out: found.append(out.shape[-1]))
    net(frames)
    return found


def parameters(*layers: tuple[int, int, int]) -> int:
    """Weights and biases of layers given as inputs of one output, outputs, and groups."""
    return sum(inputs * outputs // groups + outputs for inputs, outputs, groups in layers)


@torch.inference_mode()
def test_the_hybrid_has_the_released_networks_sizes() -> None:
    net = HybridCaffeNet("fc7")
    assert sides(net, torch.zeros(1, 3, 227, 227)) == [111, 55, 26, 13, 13, 13, 13, 6]
    counted = sum(weight.numel() for weight in net.parameters())
    assert counted == parameters(
        (3 * 49, 96, 1), (96 * 25, 384, 2), (384 * 9, 512, 1), (512 * 9, 512, 2),
        (512 * 9, 384, 2), (384 * 36, 4096, 1), (4096, 4096, 1),
    )  # fmt: skip


@torch.inference_mode()
def test_both_streams_have_the_published_layers() -> None:
    spatial, temporal = CNNM2048(), CNNM2048(channels=20, norms=1)
    assert sides(spatial, torch.zeros(1, 3, 224, 224)) == [109, 54, 26, 13, 13, 13, 13, 6]
    kinds = [
        type(layer) for net in (spatial, temporal) for layer in net.network["features"].children()
    ]
    assert kinds.count(nn.LocalResponseNorm) == 2 + 1
    assert temporal(torch.zeros(1, 20, 96, 96)).vector.shape == (1, 2048)


@torch.inference_mode()
def test_at_the_published_size_averaging_changes_nothing() -> None:
    net = HybridCaffeNet().eval()
    frames = torch.randn(2, 3, 227, 227)
    features = net(frames)
    by_hand = net.network["classifier"](features.maps[-1].flatten(1))
    torch.testing.assert_close(features.vector, by_hand)


def test_weights_come_from_a_file_or_not_at_all(tmp_path: Path) -> None:
    net = CNNM2048()
    torch.save(net.network.state_dict(), tmp_path / "weights.pth")
    again = CNNM2048(weights=str(tmp_path / "weights.pth"))
    for one, other in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(InputError, match="weights of CNNM2048 are published nowhere"):
        CNNM2048(weights="imagenet")
    with pytest.raises(InputError, match=r"do not fit HybridCaffeNet|lack"):
        HybridCaffeNet(weights=str(tmp_path / "weights.pth"))
