import pytest
import torch
from torch import nn

from selfvid.backbones.caffenet import HybridCaffeNet
from selfvid.errors import InputError
from tests.backbones.sizes import counted, parameters, sides


@torch.inference_mode()
def test_the_hybrid_has_the_released_networks_sizes() -> None:
    net = HybridCaffeNet("fc7")
    assert sides(net, torch.zeros(1, 3, 227, 227)) == [111, 55, 26, 13, 13, 13, 13, 6]
    assert counted(net) == parameters(
        (3 * 49, 96, 1), (96 * 25, 384, 2), (384 * 9, 512, 1), (512 * 9, 512, 2),
        (512 * 9, 384, 2), (384 * 36, 4096, 1), (4096, 4096, 1),
    )  # fmt: skip


def test_fc6_is_fc7_without_its_last_dense_layer() -> None:
    with torch.device("meta"):
        six, seven = HybridCaffeNet("fc6"), HybridCaffeNet("fc7")
    assert counted(seven) - counted(six) == 4096 * 4096 + 4096
    assert six.widths == seven.widths


@torch.inference_mode()
def test_a_map_is_not_normalised_but_the_next_layer_reads_normalised_responses() -> None:
    torch.manual_seed(0)
    with torch.device("meta"):
        net = HybridCaffeNet()
    first = nn.Sequential(*list(net.network["features"].children())[:4])
    first.to_empty(device="cpu")
    nn.init.normal_(first[0].weight, std=10.0)  # type: ignore[arg-type]
    nn.init.zeros_(first[0].bias)  # type: ignore[arg-type]
    frames = torch.randn(1, 3, 31, 31)
    pooled, normalised = first[:3](frames), first(frames)
    # Each response over (1 + alpha / 5 * sum of the squares of 5 channels) ** beta.
    squares = nn.functional.pad(pooled.square(), (0, 0, 0, 0, 2, 2))
    total = sum(squares[:, n : n + 96] for n in range(5))
    torch.testing.assert_close(normalised, pooled / (1 + 1e-4 / 5 * total) ** 0.75)
    assert not torch.allclose(normalised, pooled, rtol=0.1)


def test_a_dropout_that_is_no_share_is_refused() -> None:
    with torch.device("meta"), pytest.raises(InputError, match="dropout is 1; expected a share"):
        HybridCaffeNet(dropout=1)
