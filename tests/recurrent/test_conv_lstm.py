from __future__ import annotations

import pytest
import torch
from torch import nn

from selfvid.errors import InputError
from selfvid.recurrent import ConvLSTMCell, unroll
from tests.recurrent.sizes import KINDS, arrays, cell_of, input_of
from tests.reference import recurrent as reference


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.startswith("conv lstm") and "untied" not in kind]
)
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


def test_untied_first_step_is_used_where_a_sequence_begins_and_not_elsewhere() -> None:
    cell = cell_of("conv lstm, untied first")
    x = input_of(cell)
    outputs, state = unroll(cell, x[:, :1])
    for row, (first,) in enumerate(x[:, :1].numpy()):
        h, c = reference.untied_first(first, arrays(cell))
        torch.testing.assert_close(outputs[row, 0], torch.from_numpy(h))
        torch.testing.assert_close(state[1][row], torch.from_numpy(c))
    whole, _ = unroll(cell, x)
    torch.testing.assert_close(unroll(cell, x[:, 1:], state)[0], whole[:, 1:])
    shared = cell_of("conv lstm")
    shared.load_state_dict(cell.state_dict(), strict=False)
    carried_on, _ = unroll(cell, x, cell.initial(x))
    torch.testing.assert_close(carried_on, unroll(shared, x)[0])


def test_untied_first_step_has_the_parameters_of_its_paper() -> None:
    def count(untied_first: bool) -> int:
        cell = ConvLSTMCell(32, 45, kernel=7, untied_first=untied_first)
        return sum(parameter.numel() for parameter in cell.parameters())

    gate = 7 * 7 * 32 * 45 + 45
    assert count(False) == 4 * (gate + 7 * 7 * 45 * 45)
    assert count(True) == count(False) + 3 * gate


def test_conv_lstm_with_one_by_one_kernels_is_an_lstm_at_every_place() -> None:
    ours = ConvLSTMCell(2, 3, kernel=1).double()
    theirs = nn.LSTMCell(2, 3).double()
    with torch.no_grad():
        theirs.weight_ih.copy_(ours.input_weight[:, :, 0, 0])  # type: ignore[index]
        theirs.weight_hh.copy_(ours.recurrent_weight[:, :, 0, 0])
        theirs.bias_ih.copy_(ours.bias)
        theirs.bias_hh.zero_()
    x = torch.randn(2, 3, 2, 4, 5, dtype=torch.float64)
    outputs, _ = unroll(ours, x)
    h = c = torch.zeros(2 * 4 * 5, 3, dtype=torch.float64)
    for step in range(3):
        h, c = theirs(x[:, step].permute(0, 2, 3, 1).reshape(-1, 2), (h, c))
        torch.testing.assert_close(outputs[:, step].permute(0, 2, 3, 1).reshape(-1, 3), h)


def test_maps_of_another_size_than_the_peepholes_are_refused() -> None:
    cell = ConvLSTMCell(3, 4, peepholes="place", size=(4, 4))
    with pytest.raises(InputError, match=r"\(4, 4\)"):
        unroll(cell, nn.Parameter(torch.zeros(1, 2, 3, 5, 4)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ConvLSTMCell(3, 4, peepholes="all"), "peepholes"),  # type: ignore[arg-type]
        (lambda: ConvLSTMCell(0, 4, untied_first=True), "inputs"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        make()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_a_forget_bias_of_three_keeps_nearly_all_of_the_memory() -> None:
    cell = ConvLSTMCell(2, 3, kernel=3, forget_bias=3.0)
    with torch.no_grad():
        for weight in (cell.input_weight, cell.recurrent_weight):
            assert weight is not None
            weight.zero_()
    memory = torch.randn(1, 3, 4, 4)
    _, (_, after) = unroll(cell, torch.zeros(1, 1, 2, 4, 4), (torch.zeros(1, 3, 4, 4), memory))
    torch.testing.assert_close(after, memory / (1 + torch.exp(torch.tensor(-3.0))))
