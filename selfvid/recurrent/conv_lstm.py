"""ConvLSTM, after Shi et al. (NeurIPS 2015), and as Pătrăucean et al. (2016) use it."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from selfvid.errors import InputError
from selfvid.recurrent.cell import Cell, State, check_sizes, product_dtype, spread
from selfvid.recurrent.conv_gru import convolve, convolve_steps
from selfvid.recurrent.gates import lstm_gates

Peepholes = Literal["none", "channel", "place"]


class ConvLSTMCell(Cell):
    """One step of a long short-term memory whose products are convolutions.

    Maps x (B, C, H, W) and state (h, c), each (B, D, H, W), to the next state. Biases are the
    input convolution's; the recurrent one has none.

    Args:
        inputs: C of the inputs; 0 for a cell that never has any.
        hidden: D of the state.
        kernel: side of the input convolution, odd.
        recurrent_kernel: side of the recurrent convolution, odd; None is the same as `kernel`.
        peepholes: ``none`` (Pătrăucean); ``channel``, one weight per channel, which keeps the
            cell blind to place and to the size of the maps; or ``place``, one per channel and
            place of maps of one `size` (Shi). They start at zero.
        size: H and W of the maps, for peepholes by place.
        untied_first: whether the step that begins a sequence has input convolutions of its own
            and neither forget gate nor recurrent product: c = i · g, h = o · tanh(c).
        forget_bias: bias of the forget gate at the start.
        bound: weights start uniformly between -bound and bound (Pătrăucean: 0.08); None is one
            over the root of what is summed for one output.

    Raises:
        InputError: where sizes cannot be, or `size` is not given exactly with peepholes by place.
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
        self._start(forget_bias, bound)

    def _start(self, forget_bias: float, bound: float | None) -> None:
        for weight in (self.input_weight, self.recurrent_weight, self.first_weight):
            if weight is not None:
                spread(weight, bound)
        for zeros in (self.bias, self.first_bias, self.peepholes):
            if zeros is not None:
                nn.init.zeros_(zeros)
        nn.init.constant_(self.bias[self.hidden : 2 * self.hidden], forget_bias)

    def check_input(self, x: Tensor) -> None:
        """Refuse what is not a batch of this cell's input sequences.

        Raises:
            InputError: also where maps are not of the size that peepholes by place were made for.
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
        # From a state of zeros the shared step is the untied one: whatever the forget gate, it
        # has nothing to keep. So the first step differs in what its inputs contribute only.
        i, g, o = convolve_steps(x[:, :1], self.first_weight, self.first_bias).chunk(3, 2)
        first = torch.cat((i, torch.zeros_like(i), g, o), 2)
        if torch.compiler.is_exporting():
            # Cutting off the first step would settle that there is another one.
            begins = torch.arange(x.shape[1], device=x.device)[:, None, None, None] == 0
            return torch.where(begins, first, convolve_steps(x, self.input_weight, self.bias))
        rest = convolve_steps(x[:, 1:], self.input_weight, self.bias)
        return torch.cat((first, rest), 1)

    def blank(self) -> Tensor:
        """The biases, (4 D, 1, 1)."""
        return self.bias.to(product_dtype(self.bias))[:, None, None]

    def step(self, projected: Tensor, state: State | None) -> State:
        """The next h and c, each (B, D, H, W)."""
        if state is None:
            return lstm_gates(projected, None, self.peepholes, axis=-3, memory=self.bias.dtype)
        h, c = state
        recurrent = convolve(h.to(projected.dtype), self.recurrent_weight)
        return lstm_gates(projected + recurrent, c, self.peepholes, axis=-3, memory=self.bias.dtype)

    def initial(self, like: Tensor) -> State:
        """Zeros for h and c, for maps `like` (B, T, any, H, W)."""
        return self.zeros(like, like.dtype), self.zeros(like, self.bias.dtype)


def _peepholes(kind: Peepholes, hidden: int, size: tuple[int, int] | None) -> nn.Parameter | None:
    if (size is not None) != (kind == "place"):
        raise InputError(
            f"size is given with peepholes 'place' and only then, got {kind!r} and {size}"
        )
    if kind not in get_args(Peepholes):
        raise InputError(f"peepholes must be one of {get_args(Peepholes)}, got {kind!r}")
    if kind == "none":
        return None
    return nn.Parameter(torch.empty(3, hidden, *(size or (1, 1))))
