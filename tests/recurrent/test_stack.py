from __future__ import annotations

import pytest
import torch

from selfvid.errors import InputError
from selfvid.recurrent import ConvGRUCell, PeepholeLSTMCell, Stack, unroll
from tests.recurrent.sizes import cell_of, input_of


def test_the_state_of_a_stack_begins_with_its_output_and_comes_apart_by_layer() -> None:
    cell = cell_of("peephole lstm", layers=2)
    assert isinstance(cell, Stack)
    x = input_of(cell)
    outputs, state = unroll(cell, x)
    torch.testing.assert_close(state[0], outputs[:, -1])
    below, above = cell.split(state)
    assert below is not None
    assert above is not None
    between, final = unroll(cell.cells[0], x)
    torch.testing.assert_close(below, final)
    torch.testing.assert_close(above, unroll(cell.cells[1], between)[1])
    assert all(a is b for a, b in zip(cell.join([below, above]), state, strict=True))


def test_layers_may_differ_in_width_and_kind() -> None:
    torch.manual_seed(0)
    cell = Stack([PeepholeLSTMCell(2, 5), PeepholeLSTMCell(5, 3, peepholes=False)]).double()
    assert (cell.inputs, cell.hidden, cell.widths) == (2, 3, (3, 3, 5, 5))
    x = input_of(cell)
    lower, upper = cell.cells
    between, _ = unroll(lower, x)
    torch.testing.assert_close(unroll(cell, x)[0], unroll(upper, between)[0])
    assert [tensor.shape[1] for tensor in cell.initial(x)] == [3, 3, 5, 5]


def test_a_sequence_that_begins_has_no_state_in_any_layer() -> None:
    cell = cell_of("lstm", layers=3)
    assert isinstance(cell, Stack)
    assert cell.split(None) == [None] * 3


def test_a_prepared_step_is_the_step() -> None:
    cell = cell_of("conv gru", layers=2)
    assert isinstance(cell, Stack)
    projected = cell.project(input_of(cell))[:, 0]
    state = cell.step(projected, None)
    prepared = cell.stepping(2)
    for before in (None, state):
        wanted = cell.step(projected, before)
        for tensor, other in zip(prepared(projected, before), wanted, strict=True):
            torch.testing.assert_close(tensor, other)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Stack([]), "layer"),
        (lambda: Stack([ConvGRUCell(2, 3), ConvGRUCell(4, 3)]), "takes 4"),
        (lambda: Stack([PeepholeLSTMCell(2, 3), ConvGRUCell(3, 3)]), "axes"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        make()  # type: ignore[operator]
    assert "\n" not in str(caught.value)
