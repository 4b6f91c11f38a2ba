import pytest
import torch
from torch import Tensor, nn

from selfvid.backbones.c3d import C3D
from selfvid.backbones.conv3d import (
    ShortClipConv3d,
    convolution,
    dense,
    for_short_clips,
    places,
)
from selfvid.backbones.torchvision_video import TorchvisionVideo
from selfvid.errors import InputError


def dirty_memory() -> None:
    """Leave NaN in the memory of the next tensors, so that reads of uninitialised memory show."""
    left = [torch.full((2**size,), torch.nan) for size in range(8, 22) for _ in range(3)]
    del left


def gradient(layer: nn.Module, clips: Tensor, dtype: torch.dtype) -> Tensor:
    layer.zero_grad()
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        seen = layer(clips)
    seen.float().square().sum().backward()
    (weight,) = (w for name, w in layer.named_parameters() if name.endswith("weight"))
    assert weight.grad is not None
    return weight.grad.clone()


@pytest.mark.parametrize(("frames", "extent"), [(2, 3), (2, 5), (4, 5), (1, 3), (6, 3)])
def test_gradients_in_bfloat16_are_those_in_float32(frames: int, extent: int) -> None:
    torch.manual_seed(0)
    layer = ShortClipConv3d(32, 32, (extent, 3, 3), padding=(extent // 2, 1, 1))
    clips = torch.randn(8, 32, frames, 4, 4)
    right = gradient(layer, clips, torch.float32)
    for _ in range(5):
        dirty_memory()
        found = gradient(layer, clips, torch.bfloat16)
        torch.testing.assert_close(found, right, rtol=0.05, atol=0.02 * float(right.abs().max()))


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_it_computes_what_torch_does(frames: int, every: int) -> None:
    torch.manual_seed(0)
    plain = nn.Conv3d(3, 4, 3, stride=(every, 1, 1), padding=1)
    ours = for_short_clips(nn.Sequential(plain))
    assert isinstance(ours[0], ShortClipConv3d)  # type: ignore[index]
    clips = torch.randn(2, 3, frames, 5, 5)
    torch.testing.assert_close(ours(clips), plain(clips))


@pytest.mark.parametrize("network", [C3D(size="small"), TorchvisionVideo("r3d_18")])
def test_every_layer_that_pads_time_is_one(network: nn.Module) -> None:
    padded = [
        layer for layer in network.modules() if isinstance(layer, nn.Conv3d) and layer.padding[0]
    ]
    assert len(padded) >= 5
    assert all(isinstance(layer, ShortClipConv3d) for layer in padded)


@pytest.mark.parametrize(("frames", "extent", "every"), [(6, 3, 1), (7, 3, 2), (5, 1, 2)])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_divides_space_by_its_stride_and_pads_time_only_on_demand(
    frames: int, extent: int, every: int, stride: int
) -> None:
    clips = torch.randn(1, 2, frames, 8, 12)

    def built(pad_time: bool) -> nn.Module:
        return nn.Sequential(
            *convolution(
                2, 4, 5, extent=extent, norm="none", stride=stride, every=every, pad_time=pad_time
            )
        )

    inside = len(range(0, frames - extent + 1, every))
    assert built(False)(clips).shape == (1, 4, inside, 8 // stride, 12 // stride)
    whole = len(range(0, frames, every))
    assert built(True)(clips).shape == (1, 4, whole, 8 // stride, 12 // stride)


def test_a_batch_norm_takes_the_place_of_the_bias() -> None:
    conv, norm, relu = convolution(2, 4, 3, extent=3, norm="batch")
    assert isinstance(conv, nn.Conv3d)
    assert conv.bias is None
    seen = nn.Sequential(conv, norm)(torch.randn(4, 2, 5, 6, 6))
    torch.testing.assert_close(seen.mean((0, 2, 3, 4)), torch.zeros(4), rtol=0, atol=1e-5)
    assert isinstance(relu, nn.ReLU)


def test_a_dense_layer_drops_what_it_reads() -> None:
    layer = nn.Sequential(*dense(1000, 1, 0.75))
    nn.init.ones_(layer[1].weight)  # type: ignore[arg-type]
    nn.init.zeros_(layer[1].bias)  # type: ignore[arg-type]
    ones = torch.ones(50, 1000)
    assert layer.eval()(ones).flatten().tolist() == [1000.0] * 50
    # What is kept of the inputs counts four times, so that the sums vary around the same mean.
    sums = layer.train()(ones) / 4
    assert sums.mean().item() == pytest.approx(250, abs=10)
    assert sums.std() > 0
    with pytest.raises(InputError, match=r"dropout is 1\.5; expected a share"):
        dense(2, 3, 1.5)


def test_maps_of_another_size_are_averaged_to_the_places_of_a_dense_layer() -> None:
    maps = torch.arange(2 * 2 * 4 * 4.0).view(1, 2, 2, 4, 4)
    assert torch.equal(places(maps, 4), maps.flatten(1))
    quarters = [maps[..., r : r + 2, c : c + 2].mean((-2, -1)) for r in (0, 2) for c in (0, 2)]
    assert torch.equal(places(maps, 2), torch.stack(quarters, -1).flatten(1))
