from __future__ import annotations

import pytest
import torch
from torch import nn

from selfvid.recurrent import PeepholeLSTM, PeepholeLSTMCell, Stack, observed_gates, unroll
from tests.recurrent.sizes import arrays, cell_of, input_of
from tests.reference import recurrent as reference


@pytest.mark.parametrize("kind", ["lstm", "peephole lstm"])
def test_lstms_do_what_the_equations_say(kind: str) -> None:
    cell = cell_of(kind)
    x = input_of(cell)
    outputs, (h, c) = unroll(cell, x)
    for row, sequence in enumerate(x.numpy()):
        wanted, memory = reference.lstm(sequence, arrays(cell))
        for step, output in enumerate(wanted):
            torch.testing.assert_close(outputs[row, step], torch.from_numpy(output))
        torch.testing.assert_close(h[row], torch.from_numpy(wanted[-1]))
        torch.testing.assert_close(c[row], torch.from_numpy(memory))


def test_without_peepholes_it_is_the_lstm_of_pytorch() -> None:
    ours = PeepholeLSTM(5, 4, layers=2, peepholes=False).double()
    assert isinstance(ours.cell, Stack)
    theirs = nn.LSTM(5, 4, num_layers=2, batch_first=True).double()
    with torch.no_grad():
        for layer, cell in enumerate(ours.cell.cells):
            getattr(theirs, f"weight_ih_l{layer}").copy_(cell.input_weight)
            getattr(theirs, f"weight_hh_l{layer}").copy_(cell.recurrent_weight)
            getattr(theirs, f"bias_ih_l{layer}").copy_(cell.bias)
            getattr(theirs, f"bias_hh_l{layer}").zero_()
    x = torch.randn(3, 6, 5, dtype=torch.float64)
    outputs, state = ours(x)
    wanted, (h, c) = theirs(x)
    torch.testing.assert_close(outputs, wanted)
    torch.testing.assert_close(torch.stack(state), torch.stack((h[1], c[1], h[0], c[0])))


@pytest.mark.parametrize("peepholes", [False, True])
def test_the_gates_make_the_outputs(peepholes: bool) -> None:
    torch.manual_seed(0)
    cell = PeepholeLSTMCell(3, 4, peepholes=peepholes).double()
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    with observed_gates(cell) as found:
        outputs, (_, last) = unroll(cell, x)
    values = found[""].values
    memory = torch.zeros(2, 4, dtype=torch.float64)
    h = torch.zeros_like(memory)
    weight = cell.input_weight
    assert weight is not None
    for step in range(5):
        before = x[:, step] @ weight.T + h @ cell.recurrent_weight.T + cell.bias
        candidate = before.chunk(4, -1)[2].tanh()
        memory = values["forget"][:, step] * memory + values["input"][:, step] * candidate
        h = values["output"][:, step] * memory.tanh()
        torch.testing.assert_close(h, outputs[:, step], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(memory, last, rtol=1e-5, atol=1e-6)


def test_peepholes_start_within_their_own_bound() -> None:
    torch.manual_seed(0)
    cell = PeepholeLSTMCell(3, 400, bound=0.01, peephole_bound=0.5)
    assert cell.peepholes is not None
    assert 0.49 < cell.peepholes.abs().max() <= 0.5
    assert cell.recurrent_weight.abs().max() <= 0.01
