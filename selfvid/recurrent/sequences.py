"""Recurrent layers that run along whole sequences.

Each layer maps ``(B, T, ...)`` to outputs ``(B, T, D, ...)`` and the state after the last step.
``layer.compile()`` compiles a layer in place.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from selfvid.errors import InputError
from selfvid.recurrent.cell import Cell, State
from selfvid.recurrent.conv_gru import ConvGRUCell
from selfvid.recurrent.conv_lstm import ConvLSTMCell, Peepholes
from selfvid.recurrent.peephole_lstm import PeepholeLSTMCell
from selfvid.recurrent.stack import Stack
from selfvid.recurrent.unroll import unroll
from selfvid.saving.recorded import Recorded


class Recurrent(Recorded, nn.Module):
    """A cell, or a stack of cells, that runs along sequences.

    Args:
        cell: the cell or stack; `unroll_free` can run it with its outputs as inputs.
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell

    @property
    def layers(self) -> tuple[Cell, ...]:
        """The cells from the lowest layer to the top."""
        return tuple(self.cell.cells) if isinstance(self.cell, Stack) else (self.cell,)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        *,
        lengths: Tensor | None = None,
        reverse: bool = False,
    ) -> tuple[Tensor, State]:
        """Compute outputs (B, T, D, ...) and final state for x (B, T, C, ...); see `unroll`."""
        return unroll(self.cell, x, state, lengths=lengths, reverse=reverse)


class ConvLSTM(Recurrent):
    """Layers of `ConvLSTMCell`: maps (B, T, C, H, W) to (B, T, D, H, W).

    Args:
        inputs: C of the inputs.
        hidden: D of every layer.
        layers: number of layers.
        kernel: side of the input convolutions, odd.
        recurrent_kernel: side of the recurrent convolutions, odd; None is the same as `kernel`.
        peepholes: ``none``, ``channel`` or ``place``, as in `ConvLSTMCell`.
        size: H and W of the maps, for peepholes by place.
        untied_first: whether the first step has input convolutions of its own.
        forget_bias: initial bias of the forget gate.
        bound: weights are drawn uniformly from -bound to bound; with None the bound depends on
            the number of inputs (fan-in).

    Raises:
        InputError: If an argument is invalid.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        layers: int = 1,
        kernel: int = 5,
        recurrent_kernel: int | None = None,
        peepholes: Peepholes = "none",
        size: tuple[int, int] | None = None,
        untied_first: bool = False,
        forget_bias: float = 0.0,
        bound: float | None = None,
    ) -> None:
        def layer(channels: int) -> Cell:
            return ConvLSTMCell(
                channels,
                hidden,
                kernel=kernel,
                recurrent_kernel=recurrent_kernel,
                peepholes=peepholes,
                size=size,
                untied_first=untied_first,
                forget_bias=forget_bias,
                bound=bound,
            )

        super().__init__(_stacked(layer, inputs, hidden, layers))


class ConvGRU(Recurrent):
    """Layers of `ConvGRUCell`: maps (B, T, C, H, W) to (B, T, D, H, W).

    Args:
        inputs: C of the inputs.
        hidden: D of every layer.
        layers: number of layers.
        kernel: side of the input convolutions, odd.
        recurrent_kernel: side of the recurrent convolutions, odd; None is the same as `kernel`.
        bound: weights are drawn uniformly from -bound to bound; with None the bound depends on
            the number of inputs (fan-in).

    Raises:
        InputError: If an argument is invalid.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        layers: int = 1,
        kernel: int = 3,
        recurrent_kernel: int | None = None,
        bound: float | None = None,
    ) -> None:
        def layer(channels: int) -> Cell:
            return ConvGRUCell(
                channels, hidden, kernel=kernel, recurrent_kernel=recurrent_kernel, bound=bound
            )

        super().__init__(_stacked(layer, inputs, hidden, layers))


class PeepholeLSTM(Recurrent):
    """Layers of `PeepholeLSTMCell`: vectors (B, T, C) to (B, T, D).

    Args:
        inputs: C of the inputs.
        hidden: D of every layer.
        layers: number of layers.
        peepholes: whether the gates depend on the memory; without them this is `torch.nn.LSTM`.
        forget_bias: initial bias of the forget gate.
        bound: weights are drawn uniformly from -bound to bound; with None the bound depends on
            the number of inputs (fan-in).
        peephole_bound: the same for the peepholes.

    Raises:
        InputError: If an argument is invalid.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        layers: int = 1,
        peepholes: bool = True,
        forget_bias: float = 0.0,
        bound: float | None = None,
        peephole_bound: float = 0.1,
    ) -> None:
        def layer(channels: int) -> Cell:
            return PeepholeLSTMCell(
                channels,
                hidden,
                peepholes=peepholes,
                forget_bias=forget_bias,
                bound=bound,
                peephole_bound=peephole_bound,
            )

        super().__init__(_stacked(layer, inputs, hidden, layers))


def _stacked(layer: Callable[[int], Cell], inputs: int, hidden: int, layers: int) -> Stack:
    """Stack layers that `layer` makes for their number of input channels."""
    if layers < 1:
        raise InputError(f"layers must be at least 1, got {layers}")
    return Stack([layer(hidden if number else inputs) for number in range(layers)])
