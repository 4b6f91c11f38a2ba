import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from selfvid.cli.commands import main
from selfvid.data.clips.crops import Crop
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.base import load_encoder
from selfvid.errors import InputError
from selfvid.finetuning.second_set import SecondData
from selfvid.heads.lrcn import LRCN
from selfvid.reports.page import report
from tests.finetuning.second import trained as trained_on_both
from tests.finetuning.tuned import (
    ENCODERS,
    HEADS,
    same,
    small,
    small_run,
    weights,
)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_head_learns_on_every_encoder_that_has_what_it_reads(
    split_manifest: Path, tmp_path: Path, encoder: str, head: str
) -> None:
    if head == "gru-rcn" and encoder == "lstm":
        with pytest.raises(InputError, match="GRURCN reads feature maps"):
            small_run(split_manifest, tmp_path / "run", encoder=small(encoder), head=HEADS[head])
        return
    small_run(split_manifest, tmp_path / "run", encoder=small(encoder), head=HEADS[head])
    start = small(encoder).state_dict()
    after = load_encoder(tmp_path / "run").state_dict()
    assert any(not torch.equal(after[name], value) for name, value in start.items())


def test_an_encoder_is_taken_from_a_run_and_remembers_what_it_saw(
    split_manifest: Path, tmp_path: Path
) -> None:
    first = small_run(split_manifest, tmp_path / "first")
    second = small_run(
        split_manifest, tmp_path / "second", encoder=None, init=first.path, clips=None
    )
    assert second.footage["known"]
    assert second.footage["seen"] == 0
    assert "RandomClips(frames=4" in second.protocol["training_clips"]
    recipe = yaml.safe_load((tmp_path / "second" / "recipe.yaml").read_text())
    assert recipe["head"]["class_path"] == "selfvid.heads.average.Average"
    assert "classes" not in recipe["head"]["init_args"]


def test_the_recipe_of_a_run_makes_the_same_run(
    split_manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_run(split_manifest, tmp_path / "first", head=partial(LRCN, hidden=5))
    for before, after in (("first", "second"), ("second", "third")):
        recipe = tmp_path / before / "recipe.yaml"
        with pytest.raises(SystemExit) as left:
            main(["finetune", "--config", str(recipe), "--out", str(tmp_path / after)])
        assert left.value.code == 0
    assert "of 8 test videos classified correctly" in capsys.readouterr().out
    second, third = weights(tmp_path / "second"), weights(tmp_path / "third")
    assert all(torch.equal(third[name], value) for name, value in second.items())
    results = [
        json.loads((tmp_path / name / "result.json").read_text()) for name in ("second", "third")
    ]
    assert results[0]["accuracy"] == results[1]["accuracy"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"encoder": None}, "neither encoder nor init is given"),
        ({"rates": {"backbone": 0.1}}, "rates name 'backbone', which the model has not"),
        ({"rates": {"encoder": -1}}, "rate of 'encoder' is -1; expected 0 or more"),
        ({"label": "colour"}, "colour"),
        ({"size": 2}, "do not fit the encoder"),
        ({"crop": Crop(48)}, r"size \[32, 32\] is smaller than the crop"),
        ({"clips": RandomClips(frames=4, clips=3)}, "batch 4 is no multiple of"),
        ({"folds": 3}, "the manifest has a split of its own"),
        ({"clips": RandomClips(frames=400)}, "longer than every video"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    split_manifest: Path, tmp_path: Path, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        small_run(split_manifest, tmp_path / "run", **options)
    assert "\n" not in str(raised.value)


def test_a_run_that_is_there_is_not_overwritten(split_manifest: Path, tmp_path: Path) -> None:
    small_run(split_manifest, tmp_path / "run")
    with pytest.raises(InputError, match="exists; expected a new one"):
        small_run(split_manifest, tmp_path / "run")


def test_the_report_shows_the_test(split_manifest: Path, tmp_path: Path) -> None:
    small_run(split_manifest, tmp_path / "run")
    page = report(tmp_path / "run", quiet=True).read_text()
    assert "<h2>Test</h2>" in page
    assert "of 8 test videos classified correctly" in page
    assert "Average on FrameEncoder, direction, one split" in page
    assert "not as" not in page


def test_the_recipe_of_a_run_on_two_data_sets_makes_the_same_run(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    second = SecondData(data=str(other_manifest), label="side", batch=2, weight=0.5)
    trained_on_both(digits_manifest, tmp_path / "first", second=second)
    for before, after in (("first", "second"), ("second", "third")):
        recipe = tmp_path / before / "recipe.yaml"
        with pytest.raises(SystemExit) as left:
            main(["finetune", "--config", str(recipe), "--out", str(tmp_path / after)])
        assert left.value.code == 0
    assert same(tmp_path / "second", tmp_path / "third")


def test_the_command_line_takes_a_second_manifest_as_it_is(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    trained_on_both(digits_manifest, tmp_path / "first")
    named = other_manifest.with_name("named.csv")
    rows = [
        dataclasses.replace(row, label=row.columns["side"])
        for row in Manifest.read(other_manifest).rows
    ]
    Manifest(tuple(rows), other_manifest.parent).write(named)
    words = ["finetune", "--config", str(tmp_path / "first" / "recipe.yaml")]
    with pytest.raises(SystemExit) as left:
        main([*words, "--second", str(named), "--out", str(tmp_path / "second")])
    assert left.value.code == 0
    result = json.loads((tmp_path / "second" / "result.json").read_text())
    assert result["second"]["data"] == str(named)
    assert result["protocol"]["second"]["weight"] == 1.0
