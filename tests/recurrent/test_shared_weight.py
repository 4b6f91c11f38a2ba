from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from selfvid.recurrent import PeepholeLSTM, PeepholeLSTMCell, State, unroll, unroll_free
from tests.recurrent.sizes import HIDDEN, KINDS, cell_of, input_of

LENGTHS = torch.tensor([2, 4, 3])


def state_of(cell: nn.Module, x: Tensor) -> list[Tensor]:
    state = cell.initial(x)  # type: ignore[operator]
    return [torch.randn_like(tensor).requires_grad_() for tensor in state]


def loop(cell: PeepholeLSTMCell, x: Tensor, state: State | None = None) -> Tensor:
    """One step after the other, every gradient autograd's own."""
    outputs = []
    for projected in cell.project(x).unbind(1):
        state = cell.step(projected, state)
        outputs.append(state[0])
    return torch.stack(outputs, 1)


def lstm(**options: Any) -> PeepholeLSTMCell:
    cell = cell_of("peephole lstm", **options)
    assert isinstance(cell, PeepholeLSTMCell)
    return cell


def gradients(cell: nn.Module, loss: Tensor, *inputs: Tensor, **how: Any) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, (*cell.parameters(), *inputs), **how)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_initial_states_and_all_layers(
    kind: str, lengths: Tensor | None, reverse: bool
) -> None:
    cell = cell_of(kind, layers=2)
    x = input_of(cell, batch=3).requires_grad_()
    state = state_of(cell, x)
    parameters = list(cell.parameters())

    def outputs(*_: Tensor) -> tuple[Tensor, ...]:
        out, final = unroll(cell, x, tuple(state), lengths=lengths, reverse=reverse)
        return out, *final

    assert torch.autograd.gradcheck(outputs, (x, *state, *parameters), fast_mode=True)


def test_second_derivatives_are_those_of_the_loop_written_out() -> None:
    cell = lstm()
    x = input_of(cell).requires_grad_()
    state = tuple(state_of(cell, x))
    runs: list[Callable[[], Tensor]] = [
        lambda: unroll(cell, x, state)[0],
        lambda: loop(cell, x, state),
    ]
    found = []
    for run in runs:
        first = gradients(cell, run().square().sum(), x, *state, create_graph=True)
        bent = torch.stack([gradient.sin().sum() for gradient in first]).sum()
        found.append((first, gradients(cell, bent, x, *state)))
    torch.testing.assert_close(found[0], found[1], rtol=1e-10, atol=1e-12)


def test_a_loss_on_some_steps_counts_those_steps_only() -> None:
    cell = lstm()
    x = input_of(cell)
    outputs, _ = unroll(cell, x)
    written = loop(cell, x)
    for step in range(1, x.shape[1]):
        ours = gradients(cell, outputs[:, step].sum(), retain_graph=True)
        wanted = gradients(cell, written[:, step].sum(), retain_graph=True)
        torch.testing.assert_close(ours, wanted)


@pytest.mark.parametrize("name", ["recurrent_weight", "input_weight"])
def test_a_frozen_weight_changes_no_other_gradient(name: str) -> None:
    cell = lstm()
    x = input_of(cell)
    getattr(cell, name).requires_grad_(False)
    moving = [parameter for parameter in cell.parameters() if parameter.requires_grad]
    ours = torch.autograd.grad(unroll(cell, x)[0].square().sum(), moving)
    torch.testing.assert_close(ours, torch.autograd.grad(loop(cell, x).square().sum(), moving))


def test_free_running_gradients_are_those_of_the_loop_written_out() -> None:
    cell = lstm(inputs=HIDDEN)
    state = tuple(state_of(cell, input_of(cell)))
    outputs, _ = unroll_free(cell, state, steps=3, feedback=lambda _, y: y)
    y, now = torch.zeros_like(state[0]), state
    made = []
    for _ in range(3):
        now = cell.step(cell.project(y.unsqueeze(1)).squeeze(1), now)
        y = now[0]
        made.append(y)
    wanted = gradients(cell, torch.stack(made, 1).square().sum(), *state)
    torch.testing.assert_close(gradients(cell, outputs.square().sum(), *state), wanted)


def test_checkpointed_runs_have_the_same_gradients() -> None:
    cell = lstm()
    x = input_of(cell).requires_grad_()
    held = checkpoint(lambda x: unroll(cell, x)[0], x, use_reentrant=False)
    wanted = gradients(cell, unroll(cell, x)[0].square().sum(), x)
    torch.testing.assert_close(gradients(cell, held.square().sum(), x), wanted)


class Products(TorchDispatchMode):
    """Shapes of the results of all matrix products."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket is torch.ops.aten.mm:
            self.shapes.append(tuple(result.shape))
        return result


@pytest.mark.parametrize("bf16", [False, True])
def test_the_gradient_of_the_recurrent_weight_is_one_product(bf16: bool) -> None:
    layer = PeepholeLSTM(5, 3)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        outputs, _ = layer(torch.randn(2, 6, 5))
    with Products() as products:
        outputs.sum().backward()
    assert products.shapes.count((12, 3)) == 1


def test_a_run_leaves_nothing_in_memory_after_its_gradient() -> None:
    cell = lstm()
    x = input_of(cell)
    h, c = (tensor.detach() for tensor in state_of(cell, x))
    held = weakref.ref(h)
    outputs, _ = unroll(cell, x, (h, c))
    del h
    assert held() is not None
    gc.disable()
    try:
        outputs.sum().backward()
        assert held() is None
    finally:
        gc.enable()


def test_without_gradients_a_run_is_the_plain_one() -> None:
    cell = lstm()
    assert cell.stepping(3) != cell.step
    with torch.no_grad():
        assert cell.stepping(3) == cell.step
