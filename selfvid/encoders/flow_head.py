"""Where everything will have moved to in the next frame, read from a memory of the frames so far.

After Pătrăucean, Handa and Cipolla, ICLR 2016 workshop, arXiv:1511.06309.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.errors import InputError


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


REACH = 0.25
"""Longest flow as a share of the map: 8 of 32 pixels, half of the authors' units from -1 to 1."""


class FlowHead(nn.Module):
    """Flow from a memory, by convolutions so large that they see as far as things move.

    The last, 1x1 layer starts at zero: at first everything stays where it is. At the first
    update it alone learns, as no gradient gets past its zeros.

    Args:
        inputs: channels of the memory's output.
        kernel: side of the two convolutions before the last, odd.

    Raises:
        InputError: where the kernel is even.
    """

    def __init__(self, inputs: int, *, kernel: int = 15) -> None:
        super().__init__()
        if kernel < 1 or kernel % 2 == 0:
            raise InputError(f"flow_kernel must be odd to keep H and W, got {kernel}")
        wide = WideConv2d(inputs, 2, kernel)
        again = WideConv2d(2, 2, kernel)
        last = nn.Conv2d(2, 2, 1)
        for weight in (wide.weight, again.weight):
            nn.init.xavier_uniform_(weight)
        for zeros in (wide.bias, again.bias, last.weight, last.bias):
            nn.init.zeros_(zeros)  # type: ignore[arg-type]
        self.layers = nn.Sequential(wide, again, last)

    def forward(self, memory: Tensor) -> Tensor:
        """Backward flow (N, 2, h, w) in pixels of the map, x then y, of outputs (N, D, h, w)."""
        flow = self.layers(memory).float()
        x, y = flow.unbind(1)
        across, down = REACH * memory.shape[-1], REACH * memory.shape[-2]
        return torch.stack((x.clamp(-across, across), y.clamp(-down, down)), 1)
