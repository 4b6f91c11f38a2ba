"""One small cell of each kind, and inputs that fit them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from selfvid.recurrent import Cell, ConvGRUCell, ConvLSTMCell, PeepholeLSTMCell, Stack
from tests.reference.recurrent import Numbers

HIDDEN = 3
CELLS = {
    "conv lstm": lambda inputs: ConvLSTMCell(inputs, HIDDEN, kernel=3),
    "conv lstm, peepholes": lambda inputs: ConvLSTMCell(
        inputs, HIDDEN, kernel=3, recurrent_kernel=5, peepholes="channel"
    ),
    "conv lstm, peepholes by place": lambda inputs: ConvLSTMCell(
        inputs, HIDDEN, kernel=3, peepholes="place", size=(4, 5)
    ),
    "conv lstm, untied first": lambda inputs: ConvLSTMCell(
        inputs, HIDDEN, kernel=3, untied_first=True
    ),
    "conv gru": lambda inputs: ConvGRUCell(inputs, HIDDEN, recurrent_kernel=5),
    "lstm": lambda inputs: PeepholeLSTMCell(inputs, HIDDEN, peepholes=False),
    "peephole lstm": lambda inputs: PeepholeLSTMCell(inputs, HIDDEN),
}
KINDS = list(CELLS)


def cell_of(kind: str, *, layers: int = 1, inputs: int = 2, seed: int = 0) -> Cell:
    """A cell in float64 with every parameter away from zero; a stack where there are layers."""
    torch.manual_seed(seed)
    made = [CELLS[kind](HIDDEN if layer else inputs) for layer in range(layers)]
    cell = made[0] if layers == 1 else Stack(made)
    for parameter in cell.parameters():
        nn.init.normal_(parameter, std=0.4)
    return cell.double()


def input_of(cell: Cell, *, batch: int = 2, steps: int = 4, seed: int = 1) -> Tensor:
    """Random inputs (B, T, C, ...) in float64."""
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, steps, cell.inputs, 4, 5)[: 3 + cell.axes]
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def arrays(cell: nn.Module) -> dict[str, Numbers]:
    """The weights of a cell as the slow equations take them."""
    return {name: value.detach().numpy() for name, value in cell.named_parameters()}
