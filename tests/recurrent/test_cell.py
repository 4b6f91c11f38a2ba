from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from selfvid.errors import InputError
from selfvid.recurrent import ConvLSTMCell, PeepholeLSTMCell, unroll
from selfvid.recurrent.cell import convolve_steps, product_dtype, spread
from tests.recurrent.sizes import KINDS, cell_of, input_of
from tests.reference import recurrent as reference


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


def test_start_of_the_weights_is_as_given() -> None:
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


@pytest.mark.parametrize("kind", KINDS)
def test_no_state_is_a_state_of_zeros(kind: str) -> None:
    cell = cell_of(kind)
    projected = cell.project(input_of(cell))
    zeros = cell.initial(projected)
    assert [tensor.shape[1] for tensor in zeros] == list(cell.widths)
    assert not any(tensor.any() for tensor in zeros)
    for tensor, wanted in zip(
        cell.step(projected[:, 0], None), cell.step(projected[:, 0], zeros), strict=True
    ):
        torch.testing.assert_close(tensor, wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_the_projection_of_no_input_is_that_of_zeros(kind: str) -> None:
    cell = cell_of(kind)
    x = torch.zeros_like(input_of(cell))
    projected = cell.project(x)
    torch.testing.assert_close(projected, cell.blank().expand_as(projected))


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_of_other_channels_axes_or_no_steps_are_refused(kind: str) -> None:
    cell = cell_of(kind)
    x = input_of(cell)
    for wrong in (x.repeat_interleave(2, 2), x[:, :0], x[:, 0], x[..., None]):
        with pytest.raises(InputError, match=r"takes \(B, T >= 1, 2"):
            cell.project(wrong)


def test_sequences_of_maps_are_convolved_step_by_step() -> None:
    torch.manual_seed(0)
    x, weight, bias = (
        torch.randn(*shape, dtype=torch.float64) for shape in ((2, 3, 2, 4, 5), (6, 2, 3, 3), (6,))
    )
    found = convolve_steps(x, weight, bias)
    for row in range(2):
        for step in range(3):
            by_hand = reference.convolved(x[row, step].numpy(), weight.numpy())
            wanted = torch.from_numpy(by_hand) + bias[:, None, None]
            torch.testing.assert_close(found[row, step], wanted)


@pytest.mark.parametrize("bound", [None, 0.3])
def test_weights_fill_their_bound_uniformly(bound: float | None) -> None:
    torch.manual_seed(0)
    weight = torch.empty(40, 10, 5, 5)
    spread(weight, bound)
    reach = 1 / math.sqrt(10 * 5 * 5) if bound is None else bound
    assert 0.99 * reach < weight.max() <= reach
    assert -reach <= weight.min() < -0.99 * reach
    # Half of the values of a uniform distribution are closer to zero than half the bound.
    assert 0.45 < (weight.abs() < reach / 2).float().mean() < 0.55


def test_products_are_in_the_format_of_autocast_if_it_is_on() -> None:
    weight = torch.zeros(2, 2)
    assert product_dtype(weight) == torch.float32
    assert product_dtype(weight.double()) == torch.float64
    with torch.autocast("cpu", torch.bfloat16):
        assert product_dtype(weight) == (weight @ weight).dtype == torch.bfloat16
