"""Building blocks of networks on clips: 3-D convolutions, dense layers and spatial pooling."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.layered import checked_dropout

Norm = Literal["none", "response", "batch"]


class ShortClipConv3d(nn.Conv3d):
    """A 3-D convolution whose gradients are also correct for short clips in bfloat16 on a CPU.

    It computes the same as `torch.nn.Conv3d`, but pads short clips with zeros in time before the
    convolution. `torch.nn.Conv3d` on a CPU computes the gradient of bfloat16 weights from
    uninitialised memory if one position of the kernel covers the padding at both ends of a clip,
    for example if T = 2 and the kernel has three frames (torch 2.11 to 2.15, oneDNN). The gradient
    is then wrong, sometimes infinite, and no error is raised.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, H, W) to (N, C', T', H', W')."""
        assert not isinstance(self.padding, str)
        time_padding, *sides = self.padding
        if not 0 < x.shape[2] <= 2 * time_padding:
            return super().forward(x)
        padded = functional.pad(x, (0, 0, 0, 0, time_padding, time_padding))
        return functional.conv3d(
            padded, self.weight, self.bias, self.stride, (0, *sides), self.dilation, self.groups
        )


def for_short_clips(network: nn.Module) -> nn.Module:
    """Replace the 3-D convolutions of a network that pad time by `ShortClipConv3d`, in place."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, nn.Conv3d) and layer.padding[0]:
            network.set_submodule(name, _replacement(layer))
    return network


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
    """Build a convolution that keeps H and W, or divides them by its stride, and a ReLU.

    Args:
        before: number of input channels.
        after: number of output channels.
        kernel: spatial side of the kernel, odd.
        extent: number of frames that the kernel covers.
        norm: ``batch`` inserts a batch norm between the two layers.
        stride: stride in H and W.
        every: stride in time.
        pad_time: whether T is kept by zeros at both ends.
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
    """Build dropout of the inputs, a dense layer and a ReLU; `dropout` is the dropped share."""
    return [checked_dropout("dropout", dropout), nn.Linear(inputs, outputs), nn.ReLU()]


def places(maps: Tensor, side: int) -> Tensor:
    """Flatten maps (N, C, T, H, W) to (N, C * T * side**2), the input of a dense layer.

    Maps of another size than side x side are first averaged to it, as in torchvision's AlexNet.
    For frames of the size that the network is intended for nothing changes.
    """
    if tuple(maps.shape[-2:]) != (side, side):
        maps = functional.adaptive_avg_pool2d(maps.flatten(1, 2), side).unflatten(
            1, tuple(maps.shape[1:3])
        )  # (N, C, T, side, side)
    return maps.flatten(1)


def _replacement(layer: nn.Conv3d) -> ShortClipConv3d:
    """Return a `ShortClipConv3d` that shares the weights of `layer`."""
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
