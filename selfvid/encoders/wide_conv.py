"""Convolutions with large kernels and few outputs, as flow heads and decoders have them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class WideConv2d(nn.Conv2d):
    """A square convolution that keeps H and W, quick on a CPU however few its outputs are.

    CPU kernels work on many output channels at once and idle where there are two. So each row of
    the kernel becomes an output channel of its own, of a convolution one pixel high, and the rows
    are then shifted and added: the same sums, several times as fast in the backward pass
    (``python -m tests.bench.bench_wide_conv``). Weights are those of `torch.nn.Conv2d`.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        kernel: side, odd.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)

    def forward(self, input: Tensor) -> Tensor:
        """(N, outputs, H, W) of (N, inputs, H, W)."""
        if input.device.type != "cpu" or torch.compiler.is_exporting():
            return super().forward(input)
        kernel, outputs, height = self.kernel_size[0], self.out_channels, input.shape[-2]
        rows = self.weight.permute(2, 0, 1, 3).flatten(0, 1).unsqueeze(2)
        each = functional.conv2d(input, rows, padding=(0, kernel // 2))
        each = functional.pad(each, (0, 0, kernel // 2, kernel // 2))
        parts = each.unflatten(1, (kernel, outputs)).unbind(1)
        shifted = torch.stack([part[..., at : at + height, :] for at, part in enumerate(parts)])
        assert self.bias is not None
        # Added up in the bias's format: under autocast the rows have few digits, their sum more.
        return (shifted.sum(0, dtype=self.bias.dtype) + self.bias[:, None, None]).to(each.dtype)
