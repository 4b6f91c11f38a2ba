import pytest
from torch import nn

from selfvid.errors import InputError
from selfvid.training.rates import UNIFORM, Rates, freeze_statistics


def model() -> nn.ModuleDict:
    encoder = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    return nn.ModuleDict({"encoder": encoder, "encoder_two": nn.Linear(2, 2), "head": nn.Dropout()})


def test_the_longest_part_that_contains_a_weight_decides() -> None:
    rates = Rates({"encoder": 0.1, "encoder.1": 0.0, "encoder.1.bias": 3.0})
    names = ["encoder.0.weight", "encoder.1.weight", "encoder.1.bias", "encoder_two.weight", "head"]
    assert [rates.of(name) for name in names] == [0.1, 0.0, 3.0, 1.0, 1.0]
    assert all(UNIFORM.of(name) == 1 for name in names)


def test_a_star_stands_for_any_text() -> None:
    rates = Rates({"encoder.*.bias": 2.0, "encoder.1": 0.5, "*.weight": 3.0, "head": 10.0})
    names = ["encoder.0.bias", "encoder.1.weight", "encoder.0.weight", "head.bias", "head.weight"]
    assert [rates.of(name) for name in names] == [2.0, 0.5, 3.0, 10.0, 3.0]
    rates = Rates({"encoder.*.bias": 2.0})
    rates.check(model())
    with pytest.raises(InputError, match=r"rates name 'encoder\.\*\.biases'"):
        Rates({"encoder.*.biases": 2.0}).check(model())


def test_a_part_that_the_model_lacks_is_named_with_those_that_it_has() -> None:
    Rates({"encoder.1": 0.5, "encoder_two.bias": 2}).check(model())
    with pytest.raises(InputError, match=r"rates name 'enc'.* one of encoder\.0, encoder\.1"):
        Rates({"enc": 0.5}).check(model())
    with pytest.raises(InputError, match=r"rate of 'encoder' is -0.1; expected 0 or more"):
        Rates({"encoder": -0.1})


def test_frozen_weights_want_no_gradient_and_are_in_no_group() -> None:
    found, rates = model(), Rates({"encoder.0": 0, "encoder_two": 0.5})
    rates.freeze(found)
    frozen = {name for name, weight in found.named_parameters() if not weight.requires_grad}
    assert frozen == {"encoder.0.weight", "encoder.0.bias"}
    groups = rates.parted(found, found.parameters())
    assert {factor: len(weights) for factor, weights in groups.items()} == {1.0: 2, 0.5: 2}
    assert sum(map(len, groups.values())) + len(frozen) == len(list(found.parameters()))


def test_only_modules_that_are_frozen_as_a_whole_stop_adapting() -> None:
    found = model().train()
    Rates({"encoder.1": 0}).freeze(found)
    freeze_statistics(found)
    modes = {name: module.training for name, module in found.named_modules()}
    assert not modes["encoder.1"]
    assert modes["encoder"]  # its other half still learns
    assert modes["encoder.0"]
    assert modes["head"]  # it has no weights that could be frozen
