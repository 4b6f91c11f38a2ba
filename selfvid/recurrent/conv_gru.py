"""ConvGRU, after Ballas et al. (ICLR 2016, arXiv:1511.06432)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.recurrent.cell import Cell, State, Step, check_sizes, product_dtype, spread


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


class ConvGRUCell(Cell):
    """One step of a gated recurrent unit whose products are convolutions.

    Maps x (B, C, H, W) and state h (B, D, H, W) to the next state:

        z = sigmoid(W_z * x + U_z * h' + b_z)
        r = sigmoid(W_r * x + U_r * h' + b_r)
        g = tanh(W * x + U * (r · h') + b)
        h = (1 - z) · h' + z · g

    `torch.nn.GRU` differs twice: there z weighs the old state, and r comes after the product.

    Args:
        inputs: C of the inputs; 0 for a cell that never has any.
        hidden: D of the state.
        kernel: side of the input convolution, odd.
        recurrent_kernel: side of the recurrent convolutions, odd; None is the same as `kernel`.
        bound: weights start uniformly between -bound and bound; None is one over the root of
            what is summed for one output. Biases start at zero.

    Raises:
        InputError: where sizes cannot be.
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
        """The biases, (3 D, 1, 1)."""
        return self.bias.to(product_dtype(self.bias))[:, None, None]

    def step(self, projected: Tensor, state: State | None) -> State:
        """The next h (B, D, H, W), a running average in the format of the weights."""
        return self._step(projected, state, self.gate_weight, self.candidate_weight)

    def stepping(self, steps: int) -> Step:  # noqa: ARG002
        """`step` with weights that are laid out, and their gradients added up, once for all."""
        gate, candidate = map(laid_out, (self.gate_weight, self.candidate_weight))
        return lambda projected, state: self._step(projected, state, gate, candidate)

    def _step(
        self, projected: Tensor, state: State | None, gate_weight: Tensor, candidate_weight: Tensor
    ) -> State:
        gates, candidate = projected.split((2 * self.hidden, self.hidden), -3)
        if state is None:
            z, r = gates.sigmoid().chunk(2, -3)
            # r times the zeros that stand for U * (r · 0): a gate left out would have no gradient,
            # and filling that hole would cost the whole gradient its layout.
            return ((z * (candidate + 0 * r).tanh()).to(self.bias.dtype),)
        (h,) = state
        narrow = h.to(projected.dtype)
        z, r = (gates + convolve(narrow, gate_weight)).sigmoid().chunk(2, -3)
        candidate = (candidate + convolve(r * narrow, candidate_weight)).tanh()
        return (torch.lerp(h, candidate.to(h.dtype), z.to(h.dtype)),)

    def initial(self, like: Tensor) -> State:
        """Zeros for h, for maps `like` (B, T, any, H, W)."""
        return (self.zeros(like, self.bias.dtype),)


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
