"""Convolution of maps at every time step at once, in the memory layout that convolutions like.

Channels-last is the layout that the bfloat16 kernels of CPUs and GPUs work in; maps in another
one would be rearranged before and after each product. Steps lie one after the other in memory,
so that the loop over time cuts them apart, and their gradients are joined, without a copy.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from selfvid.recurrent.cell import product_dtype


def convolve(maps: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Maps (N, C, H, W) convolved to (N, D, H, W), zeros beyond the border."""
    return functional.conv2d(maps, weight, bias, padding=weight.shape[-1] // 2)


def laid_out(weight: Tensor) -> Tensor:
    """A weight (D, C, h, w) as products have it, which would else be made at each of them."""
    return weight.to(product_dtype(weight), memory_format=torch.channels_last)


def convolve_steps(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Sequences of maps (B, T, C, H, W) convolved to (B, T, D, H, W), all steps in one call."""
    laid_out = x.permute(1, 0, 3, 4, 2).to(
        product_dtype(weight), memory_format=torch.contiguous_format
    )
    maps = laid_out.flatten(0, 1).permute(0, 3, 1, 2)
    return convolve(maps, weight, bias).unflatten(0, laid_out.shape[:2]).transpose(0, 1)
