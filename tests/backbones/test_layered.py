from pathlib import Path

import pytest
import torch
from torch import nn

from selfvid.backbones.caffenet import HybridCaffeNet
from selfvid.backbones.layered import LayeredNet, ResponseNorm, checked_dropout, dense
from selfvid.errors import InputError


class TinyNet(LayeredNet):
    """Two poolings and one dense layer, for frames of 8x8."""

    def __init__(self, *, weights: str = "random") -> None:
        super().__init__(
            nn.Sequential(
                nn.Conv2d(3, 4, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Conv2d(4, 5, 3, padding=1),
                nn.MaxPool2d(2),
            ),
            nn.Sequential(*dense(5 * 2**2, 6, 0.5)),
            channels=3,
            maps=(4, 5),
            width=6,
            side=2,
            weights=weights,
        )


@torch.inference_mode()
def test_at_the_published_size_averaging_changes_nothing() -> None:
    net = HybridCaffeNet().eval()
    frames = torch.randn(2, 3, 227, 227)
    features = net(frames)
    by_hand = net.network["classifier"](features.maps[-1].flatten(1))
    torch.testing.assert_close(features.vector, by_hand)


@torch.inference_mode()
def test_a_larger_last_map_is_averaged_to_the_places_of_the_dense_layers() -> None:
    torch.manual_seed(0)
    net = TinyNet().eval()
    features = net(torch.randn(2, 3, 16, 16))
    assert [tuple(m.shape[1:]) for m in features.maps] == [(4, 8, 8), (5, 4, 4)]
    last = features.maps[-1]
    quarters = [last[..., r : r + 2, c : c + 2].mean((2, 3)) for r in (0, 2) for c in (0, 2)]
    linear = net.network["classifier"][0]  # type: ignore[index]
    by_hand = linear(torch.stack(quarters, -1).flatten(1)).relu()
    torch.testing.assert_close(features.vector, by_hand)


def test_weights_come_from_a_file_or_are_refused(tmp_path: Path) -> None:
    net = TinyNet()
    torch.save(net.network.state_dict(), tmp_path / "weights.pth")
    again = TinyNet(weights=str(tmp_path / "weights.pth"))
    for one, other in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(InputError, match="no published weights of TinyNet to download"):
        TinyNet(weights="imagenet")


def test_response_norm_is_pytorchs() -> None:
    maps = 30 * torch.randn(2, 12, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    ours = ResponseNorm(12).double()
    theirs = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.5, k=2.0)
    torch.testing.assert_close(ours(maps), theirs(maps))
    gradient = torch.randn_like(maps)
    mine, wanted = (torch.autograd.grad(norm(maps), maps, gradient)[0] for norm in (ours, theirs))
    torch.testing.assert_close(mine, wanted)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_dropout_that_is_no_share_is_refused_by_its_name(share: float) -> None:
    assert checked_dropout("head_dropout", 0.0).p == 0
    with pytest.raises(InputError, match=rf"head_dropout is {share}; expected a share to drop"):
        checked_dropout("head_dropout", share)
