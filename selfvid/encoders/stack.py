"""The first layer of encoders that see several steps of another input at once, as channels."""

from __future__ import annotations

from torch import Tensor

from selfvid.encoders.input import Input
from selfvid.errors import InputError


class Stack(Input):
    """Stacks L successive steps of another input along the channels, so that one step sees motion.

    With L = 2 differences of neighbouring frames, a step sees three frames::

        frames        a   b   c   d
        differences     b-a c-b d-c
        steps          (b-a, c-b) (c-b, d-c)

    Args:
        input: the input whose steps are stacked.
        length: L.

    Raises:
        InputError: If the length is not positive.
    """

    def __init__(self, input: Input, *, length: int) -> None:
        super().__init__()
        if length < 1:
            raise InputError(f"length is {length}; expected 1 or more")
        self.input, self.length = input, length
        self.channels = length * input.channels
        self.window = input.window + length - 1
        self.in_channels, self.whole = input.in_channels, input.whole

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, T, C, H, W) to stacks (B, T - window + 1, L * C', H, W), earliest first."""
        steps = self.input(clip)  # (B, S + L - 1, C', H, W)
        windows = steps.unfold(1, self.length, 1)  # (B, S, C', H, W, L)
        # Channels are last in memory, where convolutions on few channels are twice as fast.
        return windows.permute(0, 1, 3, 4, 5, 2).flatten(4).permute(0, 1, 4, 2, 3)
