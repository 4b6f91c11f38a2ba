from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from selfvid.recurrent import ConvLSTM, ConvLSTMCell, PeepholeLSTM, Stack
from tests.bench.bench_recurrent import Maps, PlainConvLSTM, Vectors, training_pass

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
MAPS = Maps(batch=2, steps=3, channels=4, kernel=3, size=8)
VECTORS = Vectors(batch=2, steps=3, inputs=6, hidden=5)


def test_both_sides_of_the_benchmark_compute_the_same() -> None:
    ours, plain = ConvLSTM(4, 4, kernel=3), PlainConvLSTM(4, 4, 3)
    assert isinstance(ours.cell, Stack)
    cell = ours.cell.cells[0]
    assert isinstance(cell, ConvLSTMCell)
    assert cell.input_weight is not None
    with torch.no_grad():
        plain.conv.weight.copy_(torch.cat((cell.input_weight, cell.recurrent_weight), 1))
        plain.conv.bias.copy_(cell.bias)  # type: ignore[union-attr]
    x = MAPS.x
    torch.testing.assert_close(ours(x)[0], plain(x))


@pytest.mark.parametrize(
    ("layer", "size", "hidden"),
    [(ConvLSTM(4, 4, kernel=3), MAPS, 4), (PeepholeLSTM(6, 5), VECTORS, 5)],
)
def test_operations_are_those_that_a_pass_makes(
    layer: torch.nn.Module, size: Maps | Vectors, hidden: int
) -> None:
    once = training_pass(layer, size.x, hidden, CPU, bf16=False)
    with FlopCounterMode(display=False) as counter:
        once()
    assert counter.get_total_flops() == size.operations
