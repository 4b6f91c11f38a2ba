"""Where everything will have moved to in the next frame, read from a memory of the frames so far.

After Pătrăucean, Handa and Cipolla, ICLR 2016 workshop, arXiv:1511.06309.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from selfvid.encoders.wide_conv import WideConv2d
from selfvid.errors import InputError

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
