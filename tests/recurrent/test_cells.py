from __future__ import annotations

import pytest
import torch
from torch import nn

from selfvid.errors import InputError
from selfvid.recurrent import (
    ConvGRU,
    ConvGRUCell,
    ConvLSTM,
    ConvLSTMCell,
    PeepholeLSTM,
    PeepholeLSTMCell,
    Stack,
    unroll,
)
from selfvid.saving.recorded import build, describe
from tests.recurrent.sizes import KINDS, cell_of, input_of
from tests.reference import recurrent as reference


def arrays(cell: nn.Module) -> dict[str, reference.Numbers]:
    return {name: value.detach().numpy() for name, value in cell.named_parameters()}


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if "lstm" in kind and "untied" not in kind]
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


def test_gru_does_what_the_equations_say() -> None:
    cell = cell_of("conv gru")
    x = input_of(cell)
    outputs, (h,) = unroll(cell, x)
    for row, sequence in enumerate(x.numpy()):
        wanted = reference.gru(sequence, arrays(cell))
        for step, output in enumerate(wanted):
            torch.testing.assert_close(outputs[row, step], torch.from_numpy(output))
        torch.testing.assert_close(h[row], torch.from_numpy(wanted[-1]))


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


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_the_function(kind: str) -> None:
    cell = cell_of(kind)
    x = input_of(cell, batch=1, steps=3)[..., :3].requires_grad_()
    if kind.endswith("place"):
        x = input_of(cell, batch=1, steps=2).requires_grad_()
    names = [name for name, _ in cell.named_parameters()]

    def outputs(x: torch.Tensor, *parameters: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given = dict(zip((f"cell.{name}" for name in names), parameters, strict=True))
        out, state = torch.func.functional_call(Along(cell), given, (x,))
        return out, *state

    parameters = [p.detach().clone().requires_grad_() for p in cell.parameters()]
    assert torch.autograd.gradcheck(outputs, (x, *parameters), fast_mode=True)


class Along(nn.Module):
    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        return unroll(self.cell, x)  # type: ignore[arg-type]


@pytest.mark.parametrize("axis", [3, 4])
@pytest.mark.parametrize(
    "kind", ["conv lstm", "conv lstm, peepholes", "conv lstm, untied first", "conv gru"]
)
def test_cells_commute_with_shifts_away_from_the_border(kind: str, axis: int) -> None:
    cell = cell_of(kind)
    x = torch.randn(1, 2, 2, 20, 20, dtype=torch.float64)
    reach = 7  # two steps of at most 1 + 2 pixels each, and the shift itself
    inside = (..., slice(reach, -reach), slice(reach, -reach))
    shifted, _ = unroll(cell, x.roll(1, axis))
    torch.testing.assert_close(shifted[inside], unroll(cell, x)[0].roll(1, axis)[inside])


def test_start_of_the_weights_is_as_asked() -> None:
    for cell in (
        ConvLSTMCell(3, 4, bound=0.08, forget_bias=1.0, untied_first=True),
        PeepholeLSTMCell(30, 40, bound=0.08, forget_bias=1.0),
    ):
        assert cell.input_weight is not None
        for weight in (cell.input_weight, cell.recurrent_weight):
            assert 0.07 < weight.abs().max() <= 0.08
        i, f, g, o = cell.bias.chunk(4)
        assert (f == 1).all()
        assert not torch.cat((i, g, o)).any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ConvLSTM(3, 4, kernel=4), "odd kernel"),
        (lambda: ConvLSTM(3, 4, recurrent_kernel=2), "odd kernel"),
        (lambda: ConvGRU(3, 4, kernel=0), "odd kernel"),
        (lambda: ConvGRU(3, 0), "hidden"),
        (lambda: PeepholeLSTM(3, -1), "hidden"),
        (lambda: PeepholeLSTM(-3, 1), "inputs"),
        (lambda: ConvLSTM(3, 4, layers=0), "layers"),
        (lambda: ConvLSTM(3, 4, peepholes="place"), "size"),
        (lambda: ConvLSTM(3, 4, size=(4, 4)), "size"),
        (lambda: ConvLSTMCell(3, 4, peepholes="all"), "peepholes"),  # type: ignore[arg-type]
        (lambda: ConvLSTMCell(0, 4, untied_first=True), "inputs"),
        (lambda: Stack([]), "layer"),
        (lambda: Stack([ConvGRUCell(2, 3), ConvGRUCell(4, 3)]), "takes 4"),
        (lambda: Stack([PeepholeLSTMCell(2, 3), ConvGRUCell(3, 3)]), "axes"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        make()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "layer",
    [
        ConvLSTM(2, 3, layers=2, peepholes="place", size=(4, 4)),
        ConvGRU(2, 3),
        PeepholeLSTM(2, 3, bound=0.01),
    ],
)
def test_layers_are_rebuilt_from_their_description(layer: nn.Module) -> None:
    again = build(describe(layer))
    assert type(again) is type(layer)
    again.load_state_dict(layer.state_dict())
