"""ConvGRU whose gates see the level below too: the stacked GRU-RCN of Ballas et al. (2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from selfvid.recurrent.cell import check_sizes, spread
from selfvid.recurrent.conv_gru import ConvGRUCell
from selfvid.recurrent.maps import convolve_steps


class BottomUpGRUCell(ConvGRUCell):
    """`ConvGRUCell` with one more term in two of its gates.

    Maps x (B, C + E, H, W), of which the last E channels are the state s of the level below at
    the same step, to the next state:

        z = sigmoid(W_z * x + V_z * s + U_z * h' + b_z)
        r = sigmoid(W_r * x + V_r * s + U_r * h' + b_r)

    The candidate g does not see s.

    Args:
        inputs: C of the inputs.
        below: E of the level below.
        hidden: D of the state.
        kernel: side of all convolutions, odd.
        bound: as in `ConvGRUCell`.

    Raises:
        InputError: where sizes cannot be.
    """

    def __init__(
        self, inputs: int, below: int, hidden: int, *, kernel: int = 3, bound: float | None = None
    ) -> None:
        check_sizes("BottomUpGRU", inputs=below, hidden=hidden, kernel=kernel)
        super().__init__(inputs, hidden, kernel=kernel, bound=bound)
        self.own = inputs
        self.inputs = inputs + below
        self.below_weight = nn.Parameter(torch.empty(2 * hidden, below, kernel, kernel))
        spread(self.below_weight, bound)

    def _project(self, x: Tensor, fresh: bool) -> Tensor:
        own, below = x.split((self.own, self.inputs - self.own), 2)
        projected = super()._project(own, fresh)
        gates, candidate = projected.split((2 * self.hidden, self.hidden), 2)
        return torch.cat((gates + convolve_steps(below, self.below_weight), candidate), 2)
