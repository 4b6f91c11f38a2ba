"""Looking at the gates of an LSTM: what it lets in, keeps and puts out at each step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from selfvid.recurrent.cell import State
from selfvid.recurrent.peephole_lstm import PeepholeLSTMCell


@dataclass(frozen=True, repr=False)
class GateValues:
    """How far each gate is open, 0 to 1, at each step.

    Attributes:
        input: how much of the candidate enters the memory, (B, T, D).
        forget: how much of the memory is kept, (B, T, D).
        output: how much of the memory is put out, (B, T, D).
    """

    input: Tensor
    forget: Tensor
    output: Tensor


@torch.no_grad()
def gate_values(cell: PeepholeLSTMCell, x: Tensor) -> GateValues:
    """The gates of one layer along x (B, T, C), from a state of zeros."""
    state: State = cell.initial(x)
    steps = []
    for projected in cell.project(x).unbind(1):
        before = projected + functional.linear(state[0].to(projected.dtype), cell.recurrent_weight)
        i, f, _, o = before.float().chunk(4, -1)
        c = state[1]
        state = cell.step(projected, state)
        if cell.peepholes is not None:
            i, f = i + cell.peepholes[0] * c, f + cell.peepholes[1] * c
            o = o + cell.peepholes[2] * state[1]
        steps.append(torch.stack((i, f, o)).sigmoid())
    return GateValues(*torch.stack(steps, 2).unbind(0))
