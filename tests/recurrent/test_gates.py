import math

import pytest
import torch

from selfvid.recurrent.gates import lstm_gates


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_one_unit_does_what_the_equations_say() -> None:
    i, f, g, o, before = 0.3, -0.7, 0.9, 0.2, 1.5
    w_i, w_f, w_o = 0.4, -0.2, 0.6
    h, c = lstm_gates(
        torch.tensor([[i, f, g, o]]),
        torch.tensor([[before]]),
        torch.tensor([[w_i], [w_f], [w_o]]),
        axis=-1,
        memory=torch.float32,
    )
    memory = sigmoid(f + w_f * before) * before + sigmoid(i + w_i * before) * math.tanh(g)
    assert c.item() == pytest.approx(memory)
    assert h.item() == pytest.approx(sigmoid(o + w_o * memory) * math.tanh(memory))


@pytest.mark.parametrize("with_peepholes", [False, True])
def test_no_memory_is_a_memory_of_zeros(with_peepholes: bool) -> None:
    gates = torch.randn(2, 12, 3, 3)
    peepholes = torch.randn(3, 3, 1, 1) if with_peepholes else None
    zeros = torch.zeros(2, 3, 3, 3)
    without = lstm_gates(gates, None, peepholes, axis=-3, memory=torch.float32)
    with_zeros = lstm_gates(gates, zeros, peepholes, axis=-3, memory=torch.float32)
    assert all(torch.equal(a, b) for a, b in zip(without, with_zeros, strict=True))


def test_no_peepholes_are_peepholes_of_zeros() -> None:
    gates, c = torch.randn(2, 12), torch.randn(2, 3)
    without = lstm_gates(gates, c, None, axis=-1, memory=torch.float32)
    with_zeros = lstm_gates(gates, c, torch.zeros(3, 3), axis=-1, memory=torch.float32)
    assert all(torch.equal(a, b) for a, b in zip(without, with_zeros, strict=True))


def test_maps_are_vectors_at_each_place() -> None:
    gates, c, peepholes = torch.randn(2, 12, 4, 5), torch.randn(2, 3, 4, 5), torch.randn(3, 3)
    maps = lstm_gates(gates, c, peepholes[..., None, None], axis=-3, memory=torch.float32)
    for row in range(4):
        for column in range(5):
            at = (..., row, column)
            vectors = lstm_gates(gates[at], c[at], peepholes, axis=-1, memory=torch.float32)
            for tensor, wanted in zip(maps, vectors, strict=True):
                torch.testing.assert_close(tensor[at], wanted)


def test_the_memory_is_finer_than_the_output() -> None:
    gates = torch.randn(2, 12).bfloat16()
    h, c = lstm_gates(gates, torch.randn(2, 3), torch.randn(3, 3), axis=-1, memory=torch.float32)
    assert h.dtype == torch.bfloat16
    assert c.dtype == torch.float32


def test_a_step_without_memory_has_a_whole_gradient() -> None:
    gates = torch.randn(2, 12, requires_grad=True)
    h, _ = lstm_gates(gates, None, None, axis=-1, memory=torch.float32)
    h.sum().backward()
    assert gates.grad is not None
    i, f, g, o = gates.grad.chunk(4, -1)
    assert not f.any()  # nothing to forget, and yet it takes part
    assert i.all()
    assert g.all()
    assert o.all()
