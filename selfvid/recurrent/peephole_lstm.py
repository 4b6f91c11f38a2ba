"""The LSTM cell with peepholes of Srivastava, Mansimov and Salakhutdinov (ICML 2015)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.recurrent.cell import Cell, State, Step, check_sizes, product_dtype, spread
from selfvid.recurrent.gates import lstm_gates, opened_lstm_gates
from selfvid.recurrent.shared_weight import SharedWeight

Product = Callable[[Tensor], Tensor]
"""The product of a state h (B, D) with the recurrent weight."""


class PeepholeLSTMCell(Cell):
    """One step of a long short-term memory whose gates can have peepholes.

    A peephole is a weight per channel with which a gate depends on the memory c. The candidate has
    no peephole, and that of the output gate takes the new memory. The cell maps x (B, C) and state
    (h, c), each (B, D), to the next state.

    Args:
        inputs: C of the inputs; 0 for a cell without inputs.
        hidden: D of the state.
        peepholes: whether there are peepholes; without them this is `torch.nn.LSTM`.
        forget_bias: initial bias of the forget gate.
        bound: weights are drawn uniformly from -bound to bound (Srivastava: 0.01); None is one
            over the root of the fan-in.
        peephole_bound: the same for the peepholes (Srivastava: 0.1).

    Raises:
        InputError: If a size is invalid.
    """

    axes = 0

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        peepholes: bool = True,
        forget_bias: float = 0.0,
        bound: float | None = None,
        peephole_bound: float = 0.1,
    ) -> None:
        super().__init__()
        check_sizes("PeepholeLSTM", inputs=inputs, hidden=hidden)
        self.inputs, self.hidden, self.widths = inputs, hidden, (hidden, hidden)
        self.input_weight = nn.Parameter(torch.empty(4 * hidden, inputs)) if inputs else None
        self.recurrent_weight = nn.Parameter(torch.empty(4 * hidden, hidden))
        self.bias = nn.Parameter(torch.zeros(4 * hidden))
        self.peepholes = nn.Parameter(torch.empty(3, hidden)) if peepholes else None
        for weight in (self.input_weight, self.recurrent_weight):
            if weight is not None:
                spread(weight, bound)
        if self.peepholes is not None:
            spread(self.peepholes, peephole_bound)
        nn.init.constant_(self.bias[hidden : 2 * hidden], forget_bias)

    def _project(self, x: Tensor, fresh: bool) -> Tensor:  # noqa: ARG002
        assert self.input_weight is not None
        return functional.linear(x.transpose(0, 1), self.input_weight, self.bias).transpose(0, 1)

    def blank(self) -> Tensor:
        """Return the biases, (4 D,)."""
        return self.bias.to(product_dtype(self.bias))

    def step(self, projected: Tensor, state: State | None) -> State:
        """Compute the next h and c, each (B, D)."""
        return self._step(projected, state, self._recurrent)

    def stepping(self, steps: int) -> Step:
        """Return `step`; if gradients are on, the recurrent weight has one for all steps."""
        if not (torch.is_grad_enabled() and self.recurrent_weight.requires_grad):
            return self.step
        recurrent = SharedWeight(self.recurrent_weight, steps=steps)
        return lambda projected, state: self._step(projected, state, recurrent)

    def gates(self, projected: Tensor, state: State | None) -> dict[str, Tensor]:
        """Return how far the input, forget and output gates are open in one step, (B, D)."""
        gates, c = _summed(projected, state, self._recurrent)
        i, f, o, _ = opened_lstm_gates(gates, c, self.peepholes, axis=-1, memory=self.bias.dtype)
        return {"forget": f, "input": i, "output": o}

    def _step(self, projected: Tensor, state: State | None, recurrent: Product) -> State:
        gates, c = _summed(projected, state, recurrent)
        return lstm_gates(gates, c, self.peepholes, axis=-1, memory=self.bias.dtype)

    def _recurrent(self, h: Tensor) -> Tensor:
        return functional.linear(h, self.recurrent_weight)

    def initial(self, like: Tensor) -> State:
        """Return zeros for h and c, for vectors `like` (B, T, any)."""
        return self.zeros(like, like.dtype), self.zeros(like, self.bias.dtype)


def _summed(
    projected: Tensor, state: State | None, recurrent: Product
) -> tuple[Tensor, Tensor | None]:
    """Add the contribution of h' to the projection, and return c' too."""
    if state is None:
        return projected, None
    h, c = state
    return projected + recurrent(h.to(projected.dtype)), c
