"""3-D convolutions on clips that are shorter than their padding, in bfloat16 on a CPU."""

import pytest
import torch
from torch import Tensor, nn

from selfvid.backbones.c3d import C3D
from selfvid.backbones.short_clips import ShortClipConv3d, for_short_clips
from selfvid.backbones.torchvision_video import TorchvisionVideo


def dirty_memory() -> None:
    """Leave NaN where the next tensors will lie, so that reading what nobody wrote shows."""
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
