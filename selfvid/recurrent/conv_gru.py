"""ConvGRU, after Ballas et al. (ICLR 2016, arXiv:1511.06432)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from selfvid.recurrent.cell import (
    Cell,
    State,
    Step,
    check_sizes,
    convolve,
    convolve_steps,
    product_dtype,
    spread,
)


class ConvGRUCell(Cell):
    """One step of a gated recurrent unit whose products are convolutions.

    Maps x (B, C, H, W) and state h (B, D, H, W) to the next state:

        z = sigmoid(W_z * x + U_z * h' + b_z)
        r = sigmoid(W_r * x + U_r * h' + b_r)
        g = tanh(W * x + U * (r · h') + b)
        h = (1 - z) · h' + z · g

    ``*`` is a convolution, · goes element by element, and ``'`` marks the step before.
    `torch.nn.GRU` differs in two ways: its z is the weight of the old state, and its r is
    multiplied after the product with U.

    Args:
        inputs: C of the inputs; 0 for a cell without inputs.
        hidden: D of the state.
        kernel: side of the input convolution, odd.
        recurrent_kernel: side of the recurrent convolutions, odd; None is the same as `kernel`.
        bound: weights are drawn uniformly from -bound to bound; None is one over the root of
            the fan-in. Biases start at zero.

    Raises:
        InputError: If a size is invalid.
    """

    axes = 2

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        kernel: int = 3,
        recurrent_kernel: int | None = None,
        bound: float | None = None,
    ) -> None:
        super().__init__()
        recurrent_kernel = kernel if recurrent_kernel is None else recurrent_kernel
        check_sizes("ConvGRU", inputs=inputs, hidden=hidden, kernel=kernel)
        check_sizes("ConvGRU", inputs=inputs, hidden=hidden, kernel=recurrent_kernel)
        self.inputs, self.hidden, self.widths = inputs, hidden, (hidden,)
        sides = (recurrent_kernel, recurrent_kernel)
        self.input_weight = (
            nn.Parameter(torch.empty(3 * hidden, inputs, kernel, kernel)) if inputs else None
        )
        self.gate_weight = nn.Parameter(torch.empty(2 * hidden, hidden, *sides))
        self.candidate_weight = nn.Parameter(torch.empty(hidden, hidden, *sides))
        self.bias = nn.Parameter(torch.zeros(3 * hidden))
        for weight in (self.input_weight, self.gate_weight, self.candidate_weight):
            if weight is not None:
                spread(weight, bound)

    def _project(self, x: Tensor, fresh: bool) -> Tensor:  # noqa: ARG002
        assert self.input_weight is not None
        return convolve_steps(x, self.input_weight, self.bias)

    def blank(self) -> Tensor:
        """Return the biases, (3 D, 1, 1)."""
        return self.bias.to(product_dtype(self.bias))[:, None, None]

    def step(self, projected: Tensor, state: State | None) -> State:
        """Compute the next h (B, D, H, W), a running average in the format of the weights."""
        return self._step(projected, state, self.gate_weight, self.candidate_weight)

    def stepping(self, steps: int) -> Step:  # noqa: ARG002
        """Return `step`; weights are converted, and gradients summed, once for all steps."""
        gate, candidate = map(_for_products, (self.gate_weight, self.candidate_weight))
        return lambda projected, state: self._step(projected, state, gate, candidate)

    def _step(
        self, projected: Tensor, state: State | None, gate_weight: Tensor, candidate_weight: Tensor
    ) -> State:
        gates, candidate = projected.split((2 * self.hidden, self.hidden), -3)
        if state is None:
            z, r = _opened(gates, None, gate_weight)
            # 0 * r stands for U * (r · 0). Without it, r would have no gradient, and autograd
            # would fill that part with zeros and so change the memory layout of the gradient.
            return ((z * (candidate + 0 * r).tanh()).to(self.bias.dtype),)
        (h,) = state
        narrow = h.to(projected.dtype)
        z, r = _opened(gates, narrow, gate_weight)
        candidate = (candidate + convolve(r * narrow, candidate_weight)).tanh()
        return (torch.lerp(h, candidate.to(h.dtype), z.to(h.dtype)),)

    def gates(self, projected: Tensor, state: State | None) -> dict[str, Tensor]:
        """Return how far the update and reset gates are open in one step, (B, D, H, W)."""
        gates, _ = projected.split((2 * self.hidden, self.hidden), -3)
        h = None if state is None else state[0].to(gates.dtype)
        z, r = _opened(gates, h, self.gate_weight)
        return {"update": z, "reset": r}

    def initial(self, like: Tensor) -> State:
        """Return zeros for h, for maps `like` (B, T, any, H, W)."""
        return (self.zeros(like, self.bias.dtype),)


class BottomUpGRUCell(ConvGRUCell):
    """`ConvGRUCell` with one more term in two of its gates.

    Maps x (B, C + E, H, W) and state h to the next state. The last E channels of x are the state s
    of the level below at the same step:

        z = sigmoid(W_z * x + V_z * s + U_z * h' + b_z)
        r = sigmoid(W_r * x + V_r * s + U_r * h' + b_r)

    The candidate g does not depend on s.

    Args:
        inputs: C of the inputs.
        below: E of the level below.
        hidden: D of the state.
        kernel: side of all convolutions, odd.
        bound: as in `ConvGRUCell`.

    Raises:
        InputError: If a size is invalid.
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
        gates = gates + convolve_steps(below, self.below_weight)
        return torch.cat((gates, candidate), 2)  # (B, T, 3 D, H, W)


def _opened(gates: Tensor, h: Tensor | None, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Compute z and r from their projection and h' in the format of products; None is zeros."""
    gates = gates if h is None else gates + convolve(h, weight)
    z, r = gates.sigmoid().chunk(2, -3)
    return z, r


def _for_products(weight: Tensor) -> Tensor:
    """Convert a weight (D, C, h, w) to the format and layout in which products would need it."""
    return weight.to(product_dtype(weight), memory_format=torch.channels_last)
