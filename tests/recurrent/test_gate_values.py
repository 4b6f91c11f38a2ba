import pytest
import torch

from selfvid.recurrent import PeepholeLSTMCell, gate_values, unroll


@pytest.mark.parametrize("peepholes", [False, True])
def test_the_gates_make_the_outputs(peepholes: bool) -> None:
    torch.manual_seed(0)
    cell = PeepholeLSTMCell(3, 4, peepholes=peepholes).double()
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    values = gate_values(cell, x)
    outputs, (_, last) = unroll(cell, x)
    memory = torch.zeros(2, 4, dtype=torch.float64)
    h = torch.zeros_like(memory)
    weight = cell.input_weight
    assert weight is not None
    for step in range(5):
        before = x[:, step] @ weight.T + h @ cell.recurrent_weight.T + cell.bias
        candidate = before.chunk(4, -1)[2].tanh()
        memory = values.forget[:, step] * memory + values.input[:, step] * candidate
        h = values.output[:, step] * memory.tanh()
        torch.testing.assert_close(h, outputs[:, step], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(memory, last, rtol=1e-5, atol=1e-6)
