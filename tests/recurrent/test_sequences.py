from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from selfvid.errors import InputError
from selfvid.recurrent import ConvGRU, ConvLSTM, PeepholeLSTM, Recurrent, unroll
from selfvid.saving.recorded import build, describe
from tests.recurrent.sizes import KINDS, cell_of, input_of


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


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_its_cell_unrolled(kind: str) -> None:
    cell = cell_of(kind, layers=2)
    x = input_of(cell, batch=3)
    state = cell.initial(x)
    lengths = torch.tensor([2, 4, 3])
    outputs, final = Recurrent(cell)(x, state, lengths=lengths, reverse=True)
    wanted, last = unroll(cell, x, state, lengths=lengths, reverse=True)
    assert torch.equal(outputs, wanted)
    assert all(torch.equal(a, b) for a, b in zip(final, last, strict=True))


@pytest.mark.parametrize("layers", [1, 3])
def test_layers_are_listed_from_the_lowest_to_the_top(layers: int) -> None:
    found = ConvGRU(5, 2, layers=layers).layers
    assert [cell.inputs for cell in found] == [5, 2, 2][:layers]
    alone = cell_of("conv gru")
    assert Recurrent(alone).layers == (alone,)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_gradients_on_a_gpu_are_those_on_a_processor(kind: str) -> None:
    cell = cell_of(kind, layers=2)
    x = input_of(cell, batch=3)
    found = []
    for device in ("cpu", "cuda"):
        layer = Recurrent(copy.deepcopy(cell).to(device))
        outputs, state = layer(x.to(device))
        (outputs.square().sum() + state[-1].sum()).backward()
        gradients = [weight.grad.cpu() for weight in layer.parameters() if weight.grad is not None]
        assert len(gradients) == len(list(layer.parameters()))
        found.append([outputs.detach().cpu(), *gradients])
    torch.testing.assert_close(found[1], found[0])


def test_arguments_reach_the_cells_of_every_layer() -> None:
    layer = PeepholeLSTM(2, 30, layers=2, bound=0.02, forget_bias=1.5, peephole_bound=0.3)
    for cell in layer.layers:
        weights = dict(cell.named_parameters())
        assert weights["recurrent_weight"].abs().max() <= 0.02
        assert (weights["bias"][30:60] == 1.5).all()
        assert 0.1 < weights["peepholes"].abs().max() <= 0.3
    shapes = {name: tuple(p.shape) for name, p in ConvLSTM(2, 3, kernel=3).named_parameters()}
    assert shapes["cell.layers.0.input_weight"] == (12, 2, 3, 3)
    assert shapes["cell.layers.0.recurrent_weight"] == (12, 3, 3, 3)


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
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        make()  # type: ignore[operator]
    assert "\n" not in str(caught.value)
