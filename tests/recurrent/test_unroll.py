from __future__ import annotations

import pytest
import torch
from torch import Tensor

from selfvid.errors import InputError
from selfvid.recurrent import ConvLSTMCell, PeepholeLSTMCell, Stack, unroll, unroll_free
from tests.recurrent.sizes import HIDDEN, KINDS, cell_of, input_of

LENGTHS = torch.tensor([2, 4, 3])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_sequences_of_many_lengths_run_as_each_alone(kind: str, layers: int, reverse: bool) -> None:
    cell = cell_of(kind, layers=layers)
    x = input_of(cell, batch=3)
    outputs, state = unroll(cell, x, lengths=LENGTHS, reverse=reverse)
    for row, length in enumerate(LENGTHS.tolist()):
        alone, final = unroll(cell, x[row : row + 1, :length], reverse=reverse)
        torch.testing.assert_close(outputs[row : row + 1, :length], alone)
        assert not outputs[row, length:].any()
        for tensor, wanted in zip(state, final, strict=True):
            torch.testing.assert_close(tensor[row : row + 1], wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_behind_a_sequence_has_no_gradient(kind: str) -> None:
    cell = cell_of(kind)
    x = input_of(cell, batch=3).requires_grad_()
    outputs, state = unroll(cell, x, lengths=LENGTHS)
    (outputs.square().sum() + state[0].square().sum()).backward()
    assert x.grad is not None
    for row, length in enumerate(LENGTHS.tolist()):
        assert not x.grad[row, length:].any()
        assert x.grad[row, :length].flatten(1).any(1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_reverse_is_the_sequence_back_to_front(kind: str) -> None:
    cell = cell_of(kind)
    x = input_of(cell)
    outputs, state = unroll(cell, x, reverse=True)
    wanted, final = unroll(cell, torch.stack(x.unbind(1)[::-1], 1))
    torch.testing.assert_close(outputs, torch.stack(wanted.unbind(1)[::-1], 1))
    torch.testing.assert_close(state, final)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_two_parts_is_the_whole(kind: str, layers: int) -> None:
    cell = cell_of(kind, layers=layers)
    x = input_of(cell)
    whole, final = unroll(cell, x)
    first, state = unroll(cell, x[:, :1])
    second, last = unroll(cell, x[:, 1:], state)
    torch.testing.assert_close(torch.cat((first, second), 1), whole)
    torch.testing.assert_close(last, final)


@pytest.mark.parametrize("kind", KINDS)
def test_layer_by_layer_is_step_by_step(kind: str) -> None:
    cell = cell_of(kind, layers=3)
    x = input_of(cell)
    outputs, final = unroll(cell, x)
    stepped, state = unroll_free(cell, steps=x.shape[1], feedback=lambda time, _: x[:, time])
    torch.testing.assert_close(stepped, outputs)
    torch.testing.assert_close(state, final)


@pytest.mark.parametrize("kind", KINDS)
def test_free_running_is_the_loop_written_out(kind: str) -> None:
    decoder, encoder = cell_of(kind, inputs=4, seed=2), cell_of(kind)
    state = unroll(encoder, input_of(encoder))[1]
    weights = torch.randn(4, HIDDEN, dtype=torch.float64)

    def readout(h: Tensor) -> Tensor:
        return torch.einsum("kd,bd...->bk...", weights, h)

    outputs, final = unroll_free(decoder, state, steps=3, readout=readout, feedback=lambda _, y: y)
    current = state
    made: list[Tensor] = []
    for step in range(3):
        shape = (2, 1, 4, *state[0].shape[2:])
        x = made[-1].unsqueeze(1) if step else torch.zeros(shape, dtype=torch.float64)
        current = decoder.step(decoder.project(x)[:, 0], current)
        made.append(readout(current[0]))
    torch.testing.assert_close(outputs, torch.stack(made, 1))
    torch.testing.assert_close(final, current)


def test_scheduled_sampling_takes_what_the_callable_chooses() -> None:
    cell = cell_of("conv lstm", inputs=HIDDEN)
    state = unroll(cell, input_of(cell))[1]
    truth = input_of(cell, steps=3, seed=5)
    calls: list[tuple[int, bool]] = []

    def feedback(time: int, before: Tensor | None) -> Tensor | None:
        calls.append((time, before is None))
        return truth[:, 0] if time == 1 else before

    outputs, _ = unroll_free(cell, state, steps=3, feedback=feedback)
    assert calls == [(0, True), (1, False), (2, False)]
    first, after = unroll(cell, torch.zeros_like(truth[:, :1]), state)
    second, after = unroll(cell, truth[:, :1], after)
    third, _ = unroll(cell, second, after)
    torch.testing.assert_close(outputs, torch.cat((first, second, third), 1))


@pytest.mark.parametrize("layers", [1, 2])
def test_a_decoder_without_inputs_needs_no_weights_for_them(layers: int) -> None:
    cells = [PeepholeLSTMCell(HIDDEN if layer else 0, HIDDEN).double() for layer in range(layers)]
    decoder = cells[0] if layers == 1 else Stack(cells)
    assert not any(name.endswith("input_weight") for name, _ in cells[0].named_parameters())
    encoder = cell_of("lstm", layers=layers)
    state = unroll(encoder, input_of(encoder))[1]
    outputs, _ = unroll_free(decoder, state, steps=3)
    blind = [PeepholeLSTMCell(HIDDEN if layer else 2, HIDDEN).double() for layer in range(layers)]
    for cell, like in zip(blind, cells, strict=True):
        cell.load_state_dict(like.state_dict(), strict=False)
    full = blind[0] if layers == 1 else Stack(blind)
    x = torch.zeros(2, 3, 2, dtype=torch.float64)
    torch.testing.assert_close(outputs, unroll(full, x, state)[0])


def test_every_step_passes_its_gradient_once() -> None:
    cell = cell_of("conv gru")
    x = input_of(cell).requires_grad_()
    outputs, _ = unroll(cell, x)
    (whole,) = torch.autograd.grad(outputs.sum(), x)
    outputs, _ = unroll(cell, x)
    parts = [
        torch.autograd.grad(outputs[:, step].sum(), x, retain_graph=True)[0] for step in range(4)
    ]
    torch.testing.assert_close(whole, torch.stack(parts).sum(0))


@pytest.mark.parametrize(
    ("x", "state", "lengths", "words"),
    [
        (torch.zeros(2, 4, 5, 6, 6), None, None, "takes"),
        (torch.zeros(2, 4, 3), None, None, "takes"),
        (torch.zeros(2, 0, 3, 6, 6), None, None, "T >= 1"),
        (torch.zeros(2, 4, 3, 6, 6), (torch.zeros(2, 4, 6, 6),), None, "state"),
        (torch.zeros(2, 4, 3, 6, 6), (torch.zeros(1, 4, 6, 6),) * 2, None, "state"),
        (torch.zeros(2, 4, 3, 6, 6), (torch.zeros(2, 4, 6, 5),) * 2, None, "state"),
        (torch.zeros(2, 4, 3, 6, 6), None, torch.tensor([3]), "lengths"),
        (torch.zeros(2, 4, 3, 6, 6), None, torch.tensor([3.0, 2.0]), "lengths"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    x: Tensor, state: tuple[Tensor, ...] | None, lengths: Tensor | None, words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        unroll(ConvLSTMCell(3, 4), x, state, lengths=lengths)
    assert "\n" not in str(caught.value)


def test_a_free_run_without_a_beginning_is_refused() -> None:
    cell = PeepholeLSTMCell(2, 3)
    with pytest.raises(InputError, match="neither"):
        unroll_free(cell, steps=2)
    with pytest.raises(InputError, match="steps"):
        unroll_free(cell, cell.initial(torch.zeros(1, 1, 2)), steps=0)
    with pytest.raises(InputError, match="without inputs"):
        unroll(PeepholeLSTMCell(0, 3), torch.zeros(1, 1, 0))
