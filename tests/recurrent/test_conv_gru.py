from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from selfvid.recurrent import BottomUpGRUCell, ConvGRUCell, unroll
from tests.recurrent.sizes import arrays, cell_of, input_of
from tests.reference import recurrent as reference


def test_gru_does_what_the_equations_say() -> None:
    cell = cell_of("conv gru")
    x = input_of(cell)
    outputs, (h,) = unroll(cell, x)
    for row, sequence in enumerate(x.numpy()):
        wanted = reference.gru(sequence, arrays(cell))
        for step, output in enumerate(wanted):
            torch.testing.assert_close(outputs[row, step], torch.from_numpy(output))
        torch.testing.assert_close(h[row], torch.from_numpy(wanted[-1]))


def bottom_up() -> BottomUpGRUCell:
    torch.manual_seed(0)
    cell = BottomUpGRUCell(2, 3, 4)
    for parameter in cell.parameters():
        nn.init.normal_(parameter, std=0.4)
    return cell.double()


def test_a_level_above_another_is_a_gru_whose_candidate_is_blind_to_the_level_below() -> None:
    cell = bottom_up()
    x = input_of(cell)
    outputs, _ = unroll(cell, x)
    weights = arrays(cell)
    below = np.concatenate((weights["below_weight"], np.zeros((4, 3, 3, 3))))  # none for g
    weights["input_weight"] = np.concatenate((weights["input_weight"], below), 1)
    for row, sequence in enumerate(x.numpy()):
        for step, wanted in enumerate(reference.gru(sequence, weights)):
            torch.testing.assert_close(outputs[row, step], torch.from_numpy(wanted))


def test_a_silent_level_below_leaves_a_plain_gru() -> None:
    cell, plain = bottom_up(), ConvGRUCell(2, 4).double()
    plain.load_state_dict(
        {name: value for name, value in cell.state_dict().items() if name != "below_weight"}
    )
    x = input_of(cell)
    x[:, :, 2:] = 0
    torch.testing.assert_close(unroll(cell, x)[0], unroll(plain, x[:, :, :2])[0])


def closed(cell: ConvGRUCell, *, z: float, r: float = 0.0) -> ConvGRUCell:
    """A cell whose update gate is `z` before the sigmoid, and its reset gate `r`."""
    with torch.no_grad():
        for weight in (cell.input_weight, cell.gate_weight):
            assert weight is not None
            weight[: 2 * cell.hidden] = 0
        cell.bias[: cell.hidden] = z
        cell.bias[cell.hidden : 2 * cell.hidden] = r
    return cell


def random_state(cell: ConvGRUCell, x: Tensor) -> tuple[Tensor]:
    return (torch.randn(x.shape[0], cell.hidden, *x.shape[3:], dtype=x.dtype),)


def test_a_closed_update_gate_keeps_the_state() -> None:
    torch.manual_seed(0)
    cell = closed(ConvGRUCell(2, 3).double(), z=-60.0)
    x = input_of(cell)
    (h,) = random_state(cell, x)
    torch.testing.assert_close(unroll(cell, x, (h,))[1][0], h)


def test_a_closed_reset_gate_forgets_the_state() -> None:
    torch.manual_seed(0)
    cell = closed(ConvGRUCell(2, 3).double(), z=60.0, r=-60.0)
    x = input_of(cell)
    forgotten, _ = unroll(cell, x, random_state(cell, x))
    torch.testing.assert_close(forgotten, unroll(cell, x)[0])
