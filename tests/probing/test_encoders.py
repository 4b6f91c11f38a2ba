from __future__ import annotations

from pathlib import Path

import pytest
import torch

from selfvid.errors import InputError
from selfvid.probing.encoders import load_members, load_probed_encoder, random_weights
from tests.probing.footage import an_encoder


def test_random_weights_differ_by_seed_and_do_not_change_the_generator() -> None:
    encoder = an_encoder()
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    one, again, other = (random_weights(encoder, seed) for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    weight = next(iter(encoder.state_dict()))
    assert torch.equal(one.state_dict()[weight], again.state_dict()[weight])
    assert not torch.equal(one.state_dict()[weight], other.state_dict()[weight])


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("encoder: {backbone: {weights: imagenet}}", "weights from weights imagenet"),
        ("init: runs/old", "weights from init runs/old"),
        ("init: null", "random weights"),
        ("[not: a recipe", "unknown weights"),
    ],
)
def test_the_recipe_tells_which_weights_pretraining_began_with(
    tmp_path: Path, recipe: str, words: str
) -> None:
    an_encoder().save(tmp_path / "encoder")
    (tmp_path / "recipe.yaml").write_text(recipe)
    assert load_probed_encoder(tmp_path).start == words


def test_results_of_an_encoder_without_a_run_lie_beside_it(tmp_path: Path) -> None:
    an_encoder().save(tmp_path / "mine")
    probed = load_probed_encoder(tmp_path / "mine")
    assert probed.home == tmp_path / "mine-probe"
    assert probed.at_start is None


def test_another_encoder_of_a_run_has_a_start_and_results_of_its_own(tmp_path: Path) -> None:
    an_encoder(seed=1).save(tmp_path / "encoder")
    an_encoder(seed=2).save(tmp_path / "flow_encoder")
    an_encoder(seed=3).save(tmp_path / "flow_encoder_at_start")
    (tmp_path / "recipe.yaml").write_text("init: null")
    probed = load_probed_encoder(tmp_path / "flow_encoder")
    assert (probed.run, probed.home) == (tmp_path, tmp_path / "flow_encoder-probe")
    assert probed.at_start is not None
    for found, seed in ((probed.encoder, 2), (probed.at_start, 3)):
        wanted = an_encoder(seed=seed).state_dict()
        assert all(torch.equal(found.state_dict()[name], wanted[name]) for name in wanted)
    assert load_probed_encoder(tmp_path).home == tmp_path / "probe"


def test_an_encoder_without_folds_belongs_to_every_fold_of_the_others(tmp_path: Path) -> None:
    for run, count in (("two", 2), ("three", 3)):
        for number in range(1, count + 1):
            an_encoder(seed=number).save(tmp_path / run / "folds" / str(number) / "encoder")
    an_encoder().save(tmp_path / "alone")
    found = load_members([tmp_path / "alone", tmp_path / "two"])
    assert [[each.folder.parent.name for each in fold] for fold in found] == [
        [tmp_path.name, "1"],
        [tmp_path.name, "2"],
    ]
    assert len(load_members([tmp_path / "alone"])) == 1
    with pytest.raises(InputError, match="the runs have encoders of 2, 3 folds; expected as many"):
        load_members([tmp_path / "two", tmp_path / "three"])
