"""Bricks of networks of 3-D convolutions."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.dropout import checked_dropout
from selfvid.backbones.short_clips import ShortClipConv3d

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
