"""The ConvLSTM cell of Shi et al. (NeurIPS 2015), and its variant of Pătrăucean et al. (2016)."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from selfvid.errors import InputError
from selfvid.recurrent.cell import (
    Cell,
    State,
    check_sizes,
    convolve,
    convolve_steps,
    product_dtype,
    spread,
)
from selfvid.recurrent.gates import lstm_gates, opened_lstm_gates

Peepholes = Literal["none", "channel", "place"]


class ConvLSTMCell(Cell):
    """One step of a long short-term memory whose products are convolutions.

    Maps x (B, C, H, W) and state (h, c), each (B, D, H, W), to the next state. The input
    convolution has biases; the recurrent convolution has none.

    Args:
        inputs: C of the inputs; 0 for a cell without inputs.
        hidden: D of the state.
        kernel: side of the input convolution, odd.
        recurrent_kernel: side of the recurrent convolution, odd; None is the same as `kernel`.
        peepholes: weights with which gates depend on the memory c. ``none`` (Pătrăucean);
            ``channel``, one weight per channel, the same at every place and for maps of any size;
            or ``place``, one per channel and place of maps of one `size` (Shi). They start at
            zero.
        size: H and W of the maps, for peepholes by place.
        untied_first: whether the first step of a sequence has input convolutions of its own and
            neither a forget gate nor a recurrent convolution: c = i · g, h = o · tanh(c).
        forget_bias: initial bias of the forget gate.
        bound: weights are drawn uniformly from -bound to bound (Pătrăucean: 0.08); None is one
            over the root of the fan-in.

    Raises:
        InputError: If a size is invalid, `size` is missing with peepholes by place, or it is
            given without them.
    """

    axes = 2

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        kernel: int = 5,
        recurrent_kernel: int | None = None,
        peepholes: Peepholes = "none",
        size: tuple[int, int] | None = None,
        untied_first: bool = False,
        forget_bias: float = 0.0,
        bound: float | None = None,
    ) -> None:
        super().__init__()
        recurrent_kernel = kernel if recurrent_kernel is None else recurrent_kernel
        check_sizes("ConvLSTM", inputs=inputs, hidden=hidden, kernel=kernel)
        check_sizes("ConvLSTM", inputs=inputs, hidden=hidden, kernel=recurrent_kernel)
        if untied_first and inputs == 0:
            raise InputError("an untied first step of ConvLSTM needs inputs >= 1, got 0")
        self.inputs, self.hidden, self.widths = inputs, hidden, (hidden, hidden)
        self.size = None if size is None else (size[0], size[1])
        self.input_weight = (
            nn.Parameter(torch.empty(4 * hidden, inputs, kernel, kernel)) if inputs else None
        )
        self.recurrent_weight = nn.Parameter(
            torch.empty(4 * hidden, hidden, recurrent_kernel, recurrent_kernel)
        )
        self.bias = nn.Parameter(torch.empty(4 * hidden))
        self.peepholes = _peepholes(peepholes, hidden, size)
        self.first_weight = (
            nn.Parameter(torch.empty(3 * hidden, inputs, kernel, kernel)) if untied_first else None
        )
        self.first_bias = nn.Parameter(torch.empty(3 * hidden)) if untied_first else None
        self._initialise(forget_bias, bound)

    def _initialise(self, forget_bias: float, bound: float | None) -> None:
        for weight in (self.input_weight, self.recurrent_weight, self.first_weight):
            if weight is not None:
                spread(weight, bound)
        for zeros in (self.bias, self.first_bias, self.peepholes):
            if zeros is not None:
                nn.init.zeros_(zeros)
        nn.init.constant_(self.bias[self.hidden : 2 * self.hidden], forget_bias)

    def check_input(self, x: Tensor) -> None:
        """Check that x is a batch of input sequences of this cell.

        Raises:
            InputError: If it is not, or maps do not have the size of the peepholes by place.
        """
        super().check_input(x)
        if self.size is not None and tuple(x.shape[3:]) != self.size:
            raise InputError(
                f"this cell has peepholes for maps of {self.size}, got {tuple(x.shape[3:])}"
            )

    def _project(self, x: Tensor, fresh: bool) -> Tensor:
        assert self.input_weight is not None
        if not fresh or self.first_weight is None or self.first_bias is None:
            return convolve_steps(x, self.input_weight, self.bias)
        # From a state of zeros, the usual step computes the same as the untied one: the forget
        # gate has nothing to keep. So only the contribution of the inputs differs.
        i, g, o = convolve_steps(x[:, :1], self.first_weight, self.first_bias).chunk(3, 2)
        first = torch.cat((i, torch.zeros_like(i), g, o), 2)
        if torch.compiler.is_exporting():
            # With a slice x[:, 1:], the exported program would require at least two steps.
            begins = torch.arange(x.shape[1], device=x.device)[:, None, None, None] == 0
            return torch.where(begins, first, convolve_steps(x, self.input_weight, self.bias))
        rest = convolve_steps(x[:, 1:], self.input_weight, self.bias)
        return torch.cat((first, rest), 1)

    def blank(self) -> Tensor:
        """Return the biases, (4 D, 1, 1)."""
        return self.bias.to(product_dtype(self.bias))[:, None, None]

    def step(self, projected: Tensor, state: State | None) -> State:
        """Compute the next h and c, each (B, D, H, W)."""
        gates, c = self._summed(projected, state)
        return lstm_gates(gates, c, self.peepholes, axis=-3, memory=self.bias.dtype)

    def gates(self, projected: Tensor, state: State | None) -> dict[str, Tensor]:
        """Return how far the input, forget and output gates are open in a step, (B, D, H, W)."""
        gates, c = self._summed(projected, state)
        i, f, o, _ = opened_lstm_gates(gates, c, self.peepholes, axis=-3, memory=self.bias.dtype)
        return {"forget": f, "input": i, "output": o}

    def _summed(self, projected: Tensor, state: State | None) -> tuple[Tensor, Tensor | None]:
        """Add the contribution of h' to the projection, and return c' too."""
        if state is None:
            return projected, None
        h, c = state
        return projected + convolve(h.to(projected.dtype), self.recurrent_weight), c

    def initial(self, like: Tensor) -> State:
        """Return zeros for h and c, for maps `like` (B, T, any, H, W)."""
        return self.zeros(like, like.dtype), self.zeros(like, self.bias.dtype)


def _peepholes(kind: Peepholes, hidden: int, size: tuple[int, int] | None) -> nn.Parameter | None:
    """Make the weights (3, D, 1, 1) or (3, D, H, W) of the peepholes, without values yet."""
    if (size is not None) != (kind == "place"):
        raise InputError(
            f"size is given with peepholes 'place' and only then, got {kind!r} and {size}"
        )
    if kind not in get_args(Peepholes):
        raise InputError(f"peepholes must be one of {get_args(Peepholes)}, got {kind!r}")
    if kind == "none":
        return None
    return nn.Parameter(torch.empty(3, hidden, *(size or (1, 1))))
