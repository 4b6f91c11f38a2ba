"""The gates of a long short-term memory, on vectors and on maps alike."""

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
    """Output h and memory c after the step.

    Each equation is one line below; ``'`` is the step before, · goes element by element:

        i = sigmoid(gates_i + w_i · c')
        f = sigmoid(gates_f + w_f · c')
        g = tanh(gates_g)
        c = f · c' + i · g
        o = sigmoid(gates_o + w_o · c)
        h = o · tanh(c)

    Args:
        gates: pre-activations of i, f, g, o side by side along `axis`, inputs and h' included.
        c: c' of the step before, or None for zeros.
        peepholes: w_i, w_f, w_o, (3, D, ...), or None for a cell without.
        axis: the axis of channels, counted from the end.
        memory: number format of c.

    Returns:
        h in the number format of `gates`, and c.
    """
    i, f, g, o = gates.chunk(4, axis)
    # Zeros are multiplied in like any memory: a gate left out would have no gradient, and filling
    # that hole would cost the whole gradient its layout.
    c = torch.zeros_like(i, dtype=memory) if c is None else c
    if peepholes is not None:
        i = i + (peepholes[0] * c).to(i.dtype)
        f = f + (peepholes[1] * c).to(f.dtype)
    c = (f.sigmoid() * c + i.sigmoid() * g.tanh()).to(memory)
    if peepholes is not None:
        o = o + (peepholes[2] * c).to(o.dtype)
    return o.sigmoid() * c.tanh().to(o.dtype), c
