"""3-D convolutions whose gradients hold on short clips too."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.layered import checked_dropout


class ShortClipConv3d(nn.Conv3d):
    """A 3-D convolution that puts zeros around a short clip in time before it begins.

    What it computes is what `torch.nn.Conv3d` does. On a CPU that one takes the gradient of
    bfloat16 weights from memory nobody wrote where the padding behind a clip and the padding in
    front of it lie under one kernel, as with T = 2 under three frames (torch 2.11 to 2.15, oneDNN):
    wrong numbers, now and then infinite ones, and no error.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, C', T', H', W')."""
        assert not isinstance(self.padding, str)
        around, *sides = self.padding
        if not 0 < x.shape[2] <= 2 * around:
            return super().forward(x)
        padded = functional.pad(x, (0, 0, 0, 0, around, around))
        return functional.conv3d(
            padded, self.weight, self.bias, self.stride, (0, *sides), self.dilation, self.groups
        )


def for_short_clips(network: nn.Module) -> nn.Module:
    """The same network with `ShortClipConv3d` in the place of 3-D convolutions that pad time."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, nn.Conv3d) and layer.padding[0]:
            network.set_submodule(name, _replaced(layer))
    return network


def _replaced(layer: nn.Conv3d) -> ShortClipConv3d:
    assert not isinstance(layer.padding, str)
    assert layer.padding_mode == "zeros"
    same = ShortClipConv3d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,  # type: ignore[arg-type]
        stride=layer.stride,  # type: ignore[arg-type]
        padding=layer.padding,  # type: ignore[arg-type]
        dilation=layer.dilation,  # type: ignore[arg-type]
        groups=layer.groups,
        bias=layer.bias is not None,
        device="meta",
    )
    same.weight, same.bias = layer.weight, layer.bias
    return same


Norm = Literal["none", "response", "batch"]


def convolution(
    before: int,
    after: int,
    kernel: int,
    *,
    extent: int,
    norm: Norm,
    stride: int = 1,
    every: int = 1,
    pad_time: bool = False,
) -> list[nn.Module]:
    """A convolution that keeps H and W, or divides them by its stride, and a ReLU.

    Args:
        before: channels that it reads.
        after: channels that it makes.
        kernel: side, odd.
        extent: frames that it sees at once.
        norm: ``batch`` puts a batch norm between the two.
        stride: in H and W.
        every: frames from one place in time to the next.
        pad_time: whether zeros before and behind keep T.
    """
    padding = (extent // 2 if pad_time else 0, kernel // 2, kernel // 2)
    conv = ShortClipConv3d(
        before,
        after,
        (extent, kernel, kernel),
        stride=(every, stride, stride),
        padding=padding,
        bias=norm != "batch",
    )
    return [conv, *([nn.BatchNorm3d(after)] if norm == "batch" else []), nn.ReLU()]


def dense(inputs: int, outputs: int, dropout: float) -> list[nn.Module]:
    """A dense layer and its ReLU; `dropout` is the share dropped of what it reads."""
    return [checked_dropout("dropout", dropout), nn.Linear(inputs, outputs), nn.ReLU()]


def places(maps: Tensor, side: int) -> Tensor:
    """Maps (N, C, T, H, W) with as many places as dense layers expect, (N, C * T * side**2).

    Of frames of the size that a network was made for nothing changes; other maps are averaged to
    side x side, as torchvision's AlexNet does it.
    """
    if tuple(maps.shape[-2:]) != (side, side):
        maps = functional.adaptive_avg_pool2d(maps.flatten(1, 2), side).unflatten(
            1, tuple(maps.shape[1:3])
        )
    return maps.flatten(1)
