"""A head that predicts the flow to the next frame from the output of a recurrent network.

After Pătrăucean, Handa and Cipolla, ICLR 2016 workshop, arXiv:1511.06309.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.errors import InputError

# Longest flow as a share of the map's side: 8 of 32 pixels. It is half of the range of the
# authors, whose units go from -1 to 1.
REACH = 0.25


class WideConv2d(nn.Conv2d):
    """A square convolution that keeps H and W and is fast on a CPU even with few outputs.

    CPU kernels compute many output channels at once and are slow if there are only two. Therefore
    each row of the kernel becomes a separate output channel of a convolution that is one pixel
    high; the rows are then shifted and added. The sums are the same, and the backward pass is
    several times as fast (``python -m tests.bench.bench_wide_conv``). The weights are those of
    `torch.nn.Conv2d`.

    Args:
        inputs: number of input channels.
        outputs: number of output channels.
        kernel: side of the kernel, odd.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H, W)."""
        if input.device.type != "cpu" or torch.compiler.is_exporting():
            return super().forward(input)
        kernel, outputs, height = self.kernel_size[0], self.out_channels, input.shape[-2]
        around = kernel // 2
        rows = self.weight.permute(2, 0, 1, 3).flatten(0, 1).unsqueeze(2)  # (k * outputs, C, 1, k)
        each = functional.conv2d(input, rows, padding=(0, around))  # (N, k * outputs, H, W)
        each = functional.pad(each, (0, 0, around, around))  # (N, k * outputs, H + k - 1, W)
        parts = each.unflatten(1, (kernel, outputs)).unbind(1)  # k of (N, outputs, H + k - 1, W)
        shifted = torch.stack([part[..., at : at + height, :] for at, part in enumerate(parts)])
        assert self.bias is not None
        # The sum uses the bias's format: under autocast the rows are bfloat16, the sum is float32.
        return (shifted.sum(0, dtype=self.bias.dtype) + self.bias[:, None, None]).to(each.dtype)


class FlowHead(nn.Module):
    """Predicts flow by two convolutions with kernels as large as the expected motion.

    The last, 1x1 layer is initialised with zeros, so that the first predicted flow is zero. In the
    first update only this layer changes, because its zeros block the gradient of the others.

    Args:
        inputs: channels of the recurrent network's output.
        kernel: side of the two convolutions before the last, odd.

    Raises:
        InputError: If the kernel is even.
    """

    def __init__(self, inputs: int, *, kernel: int = 15) -> None:
        super().__init__()
        if kernel < 1 or kernel % 2 == 0:
            raise InputError(f"flow_kernel must be odd to keep H and W, got {kernel}")
        first = WideConv2d(inputs, 2, kernel)
        second = WideConv2d(2, 2, kernel)
        last = nn.Conv2d(2, 2, 1)
        for weight in (first.weight, second.weight):
            nn.init.xavier_uniform_(weight)
        for zeros in (first.bias, second.bias, last.weight, last.bias):
            nn.init.zeros_(zeros)  # type: ignore[arg-type]
        self.layers = nn.Sequential(first, second, last)

    def forward(self, memory: Tensor) -> Tensor:
        """Predict backward flow (N, 2, h, w), x then y, in pixels of the map.

        Args:
            memory: outputs of the recurrent network, (N, D, h, w).
        """
        flow = self.layers(memory).float()  # (N, 2, h, w)
        x, y = flow.unbind(1)
        limit_x, limit_y = REACH * memory.shape[-1], REACH * memory.shape[-2]
        return torch.stack((x.clamp(-limit_x, limit_x), y.clamp(-limit_y, limit_y)), 1)
