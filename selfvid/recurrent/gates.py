"""The gates of an LSTM, on vectors and on maps."""

from __future__ import annotations

import torch
from torch import Tensor


def lstm_gates(
    gates: Tensor,
    c: Tensor | None,
    peepholes: Tensor | None,
    *,
    axis: int,
    memory: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Compute output h and memory c of an LSTM step from the pre-activations of its gates.

    Args:
        gates: as for `opened_lstm_gates`, like all that follow.
        c: c' of the step before, or None for zeros.
        peepholes: w_i, w_f, w_o, or None.
        axis: the axis of channels, counted from the end.
        memory: number format of c.

    Returns:
        h = o · tanh(c) in the number format of `gates`, and c.
    """
    _, _, o, c = opened_lstm_gates(gates, c, peepholes, axis=axis, memory=memory)
    return o * c.tanh().to(o.dtype), c


def opened_lstm_gates(
    gates: Tensor,
    c: Tensor | None,
    peepholes: Tensor | None,
    *,
    axis: int,
    memory: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute how far each gate of an LSTM step is open, and the new memory.

    Each equation is one line of the code; ``'`` marks the step before, · goes element by element:

        i = sigmoid(gates_i + w_i · c')
        f = sigmoid(gates_f + w_f · c')
        g = tanh(gates_g)
        c = f · c' + i · g
        o = sigmoid(gates_o + w_o · c)

    Args:
        gates: pre-activations of i, f, g, o side by side along `axis`, with the contributions of
            the inputs and of h'.
        c: c' of the step before, or None for zeros.
        peepholes: w_i, w_f, w_o, (3, D, ...), or None for a cell without peepholes.
        axis: the axis of channels, counted from the end.
        memory: number format of c.

    Returns:
        i, f and o from 0 (closed) to 1 (open) in the number format of `gates`, and c.
    """
    i, f, g, o = gates.chunk(4, axis)
    # A memory of zeros is computed with like any other. Without it, f would have no gradient, and
    # autograd would fill that part with zeros and so change the memory layout of the gradient.
    c = torch.zeros_like(i, dtype=memory) if c is None else c
    if peepholes is not None:
        i = i + (peepholes[0] * c).to(i.dtype)
        f = f + (peepholes[1] * c).to(f.dtype)
    i, f = i.sigmoid(), f.sigmoid()
    c = (f * c + i * g.tanh()).to(memory)
    if peepholes is not None:
        o = o + (peepholes[2] * c).to(o.dtype)
    return i, f, o.sigmoid(), c
