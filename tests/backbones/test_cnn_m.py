from pathlib import Path

import pytest
import torch
from torch import nn

from selfvid.backbones.caffenet import HybridCaffeNet
from selfvid.backbones.cnn_m import CNNM2048
from selfvid.errors import InputError
from tests.backbones.sizes import counted, parameters, sides


@torch.inference_mode()
def test_both_streams_have_the_published_layers() -> None:
    spatial, temporal = CNNM2048(), CNNM2048(channels=20, norms=1)
    assert sides(spatial, torch.zeros(1, 3, 224, 224)) == [109, 54, 26, 13, 13, 13, 13, 6]
    kinds = [
        type(layer) for net in (spatial, temporal) for layer in net.network["features"].children()
    ]
    assert kinds.count(nn.LocalResponseNorm) == 2 + 1
    assert temporal(torch.zeros(1, 20, 96, 96)).vector.shape == (1, 2048)


@pytest.mark.parametrize("channels", [3, 20])
def test_it_has_as_many_weights_as_the_papers_layers(channels: int) -> None:
    with torch.device("meta"):
        net = CNNM2048(channels=channels)
    assert counted(net) == parameters(
        (channels * 49, 96, 1), (96 * 25, 256, 1), (256 * 9, 512, 1), (512 * 9, 512, 1),
        (512 * 9, 512, 1), (512 * 36, 4096, 1), (4096, 2048, 1),
    )  # fmt: skip


def test_weights_come_from_a_file_or_not_at_all(tmp_path: Path) -> None:
    net = CNNM2048()
    torch.save(net.network.state_dict(), tmp_path / "weights.pth")
    again = CNNM2048(weights=str(tmp_path / "weights.pth"))
    for one, other in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(InputError, match="no published weights of CNNM2048 to download"):
        CNNM2048(weights="imagenet")
    with pytest.raises(InputError, match=r"do not fit HybridCaffeNet|lack"):
        HybridCaffeNet(weights=str(tmp_path / "weights.pth"))


@torch.inference_mode()
def test_responses_are_normalised_by_the_squares_of_five_channels() -> None:
    """The paper's k of 2, alpha of 5e-4 over the five channels together, and beta of 0.75."""
    norm = next(
        layer
        for layer in CNNM2048().network["features"].children()
        if isinstance(layer, nn.LocalResponseNorm)
    )
    x = 30 * torch.randn(2, 7, 3, 3, generator=torch.Generator().manual_seed(0))
    wanted = torch.empty_like(x)
    for channel in range(7):
        near = x[:, max(channel - 2, 0) : channel + 3].square().sum(1)
        wanted[:, channel] = x[:, channel] / (2 + 1e-4 * near) ** 0.75
    torch.testing.assert_close(norm(x), wanted)
