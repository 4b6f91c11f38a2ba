"""Fine-tuning on two data sets at once, from the manifests to the report."""

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.cli.commands import main
from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.crops import Crop
from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import EvenClips, RandomClips
from selfvid.data.digits.files import write_footage
from selfvid.data.flow.command import compute_flow
from selfvid.data.indexing.command import index
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.base import load_encoder
from selfvid.encoders.flow_input import FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.finetuning.classifier import load_classifier
from selfvid.finetuning.coherence import Coherence
from selfvid.finetuning.result import FinetuneResult
from selfvid.finetuning.second_set import SecondData
from selfvid.heads.gru_rcn import GRURCN
from selfvid.heads.lrcn import LRCN
from selfvid.reports.page import read_page, report
from selfvid.results.scores import Scores
from selfvid.types import ClipBatch
from tests.finetuning.tuned import PLAIN_SGD, same, tanh_encoder, tuned, weights
from tests.pretraining.power_cut import power_cut

SIDES = {"left": "left", "down_left": "left", "up_left": "left"}


def with_sides(manifest: Manifest, path: Path, *, split: bool = True) -> Path:
    """The same footage with a column of two classes: to the left, or not."""
    rows = [
        dataclasses.replace(
            row,
            split=row.split if split else "",
            columns=row.columns | {"side": SIDES.get(row.columns["direction"], "other")},
        )
        for row in manifest.rows
    ]
    Manifest(tuple(rows), manifest.root).write(path)
    return path


@pytest.fixture(scope="session")
def other_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other drifting digits, with a split and the column side."""
    folder = tmp_path_factory.mktemp("others")
    table = write_footage(folder / "videos", videos=24, frames=8, size=32, seed=2)
    found = index(table, out=folder / "all.csv", quiet=True, workers=1)
    return with_sides(found, folder / "others.csv")


@pytest.fixture(scope="session")
def same_footage(digits_manifest: Path) -> Path:
    """The first data set's own videos, with the column side and no split."""
    whole = Manifest.read(digits_manifest)
    return with_sides(whole, digits_manifest.with_name("sides.csv"), split=False)


def trained(
    manifest: Path, out: Path, *, plan: dict[str, Any] | None = None, **more: Any
) -> FinetuneResult:
    asked = {**PLAIN_SGD, "clip_norm": None, **(plan or {})}
    return tuned(manifest, out, frames=2, plan=asked, **{"encoder": tanh_encoder(), **more})


def test_at_weight_nought_the_first_is_trained_as_alone(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    crop = Crop(28, mirror=0.5)  # drawn clip by clip, the first data set's before the second's
    also = SecondData(data=str(other_manifest), label="side", weight=0.0)
    trained(digits_manifest, tmp_path / "both", crop=crop, second=also)
    trained(digits_manifest, tmp_path / "alone", crop=crop)
    heavy = dataclasses.replace(also, weight=1.0)
    trained(digits_manifest, tmp_path / "heavy", crop=crop, second=heavy)
    ours, theirs = weights(tmp_path / "both"), weights(tmp_path / "alone")
    others = weights(tmp_path / "heavy")
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-4, atol=1e-6)
    changed = [name for name in theirs if not torch.allclose(others[name], theirs[name], atol=1e-4)]
    assert any(name.startswith("encoder") for name in changed)


@pytest.mark.parametrize("head", [GRURCN, partial(LRCN, hidden=5)], ids=["gru-rcn", "lrcn"])
def test_a_run_ends_the_same_stopped_or_not_and_with_workers(
    digits_manifest: Path,
    other_manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    head: Any,
) -> None:
    more: dict[str, Any] = {
        "head": head,
        "plan": {"optimiser": "adamw", "accumulate": 2},
        "augment": Augmentation(crop=0.2),
        "second": SecondData(data=str(other_manifest), label="side", batch=6),
    }
    whole = trained(digits_manifest, tmp_path / "whole", **more)
    with power_cut(monkeypatch, before=2):
        trained(digits_manifest, tmp_path / "cut", **more)
    again = trained(digits_manifest, tmp_path / "cut", **more, resume=True, workers=1)
    assert same(tmp_path / "whole", tmp_path / "cut")
    assert again.accuracy == whole.accuracy
    assert whole.second is not None
    assert again.second is not None
    assert again.second.accuracy == whole.second.accuracy


def test_the_second_head_is_saved_and_scores_its_own_test_part(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    also = SecondData(data=str(other_manifest), label="side")
    result = trained(digits_manifest, run, second=also)
    loaded = load_classifier(run, head="second_head")
    assert loaded.classes == ("left", "other")
    assert len(load_classifier(run).classes) == 8
    others = Manifest.read(other_manifest)
    test = others.select([row.split == "test" for row in others.rows])
    scores = Scores.read(run / "scores_second.csv")
    assert scores.videos == tuple(row.video for row in test.rows)
    clips = ClipDataset(test, EvenClips(frames=2, clips=2), size=(32, 32))
    for place, probabilities in enumerate(scores.probabilities):
        batch = ClipBatch.of(clips[place].clips)
        with torch.no_grad():
            by_hand = loaded.classifier(batch.frames)[0].probabilities.mean(0)
        np.testing.assert_allclose(probabilities, by_hand.numpy(), atol=1e-5)
    right = scores.predicted == np.array([("left", "other").index(s) for s in test.column("side")])
    assert result.second is not None
    assert result.second.accuracy.mean == pytest.approx(right.mean())
    assert result.second.confusion.sum() == len(test)
    written = json.loads((run / "result.json").read_text())
    assert written["second"]["accuracy"]["mean"] == pytest.approx(right.mean())
    assert written["protocol"]["second"]["folds"] == [
        {"train": len(others) - len(test), "test": len(test),
         "train_left_out": 0, "test_left_out": 0}
    ]  # fmt: skip
    assert f"of {len(test)} test videos of {other_manifest} named rightly" in str(result)
    assert "multi-task with side of 24 rows" in result.heading


def test_the_report_says_what_became_of_both(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    also = SecondData(data=str(other_manifest), label="side")
    trained(digits_manifest, tmp_path / "run", second=also, plan={"steps": 20})
    page = report(tmp_path / "run", quiet=True).read_text()
    assert "multi-task with side of 24 rows" in page
    assert "Second data set, by class" in page
    assert "second head: " in page
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    told = {"loss", "first_loss", "second_loss", "accuracy", "second_accuracy"}
    assert all(told <= set(json.loads(line)) for line in lines)


@pytest.mark.parametrize("damaged", [3, "words", [], {}, {"classes": ["a"], "per_class": None}])
def test_a_damaged_second_result_is_a_note_on_the_page(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path, damaged: Any
) -> None:
    also = SecondData(data=str(other_manifest), label="side")
    written = trained(digits_manifest, tmp_path / "run", second=also).path / "result.json"
    assert read_page(written.parent).notes == ()
    written.write_text(json.dumps(json.loads(written.read_text()) | {"second": damaged}))
    (note,) = read_page(written.parent).notes
    assert note.startswith("result.json: not as selfvid writes it (")


def test_what_the_first_tests_on_is_not_trained_on_through_the_second(
    digits_manifest: Path, same_footage: Path, tmp_path: Path
) -> None:
    also = SecondData(data=str(same_footage), label="side")
    result = trained(digits_manifest, tmp_path / "run", second=also)
    whole = Manifest.read(digits_manifest)
    tested = {row.video for row in whole.rows if row.split == "test"}
    past = load_encoder(tmp_path / "run").provenance
    assert set(past.footage) == {row.video for row in whole.rows} - tested
    assert "trained on two data sets at once" in past.notes
    (fold,) = result.protocol["second"]["folds"]
    assert fold == {
        "train": len(whole) - len(tested), "test": 0,
        "train_left_out": len(tested), "test_left_out": 0,
    }  # fmt: skip
    assert f"{len(tested)} training rows of the second data set were left out" in str(result)
    assert result.second is None
    assert "second head: not tested" in str(result)


def test_what_the_first_trains_on_is_not_tested_through_the_second(
    digits_manifest: Path, same_footage: Path
) -> None:
    videos = Manifest.read(same_footage)
    places = np.arange(len(videos))
    rows = [
        dataclasses.replace(row, split="test" if at % 4 == 0 else "train")
        for at, row in enumerate(videos.rows)
    ]
    parted = digits_manifest.with_name("parted.csv")
    Manifest(tuple(rows), videos.root).write(parted)
    also = SecondData(data=str(parted), label="side")
    # of the second's test rows 0, 4, 8 ... the first trains on 0 to 9 and tests on 30 and 31
    part = also.part(videos.select(places[:10]), videos.select(places[30:]))
    assert part.test is not None
    kept = [row.video for at, row in enumerate(videos.rows) if at % 4 == 0 and at >= 10]
    assert [row.video for row in part.test.rows] == kept
    assert part.test_left_out == 3
    assert part.train_left_out == 2
    with pytest.raises(InputError, match="the first data set trains on all test videos of"):
        also.part(videos, videos.select([]))


def test_a_class_that_only_the_first_tests_on_is_refused_before_there_is_a_folder(
    digits_manifest: Path, tmp_path: Path
) -> None:
    whole = Manifest.read(digits_manifest)
    rows = [
        dataclasses.replace(row, split="", columns=row.columns | {"side": row.split})
        for row in whole.rows
    ]
    parted = digits_manifest.with_name("as_the_split.csv")
    Manifest(tuple(rows), whole.root).write(parted)
    with pytest.raises(InputError, match=r"side 'test' of .* has no training video that the first"):
        trained(
            digits_manifest, tmp_path / "run", second=SecondData(data=str(parted), label="side")
        )
    assert not (tmp_path / "run").exists()


def test_every_fold_of_the_first_trains_and_tests_the_second(
    same_footage: Path, other_manifest: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    also = SecondData(data=str(other_manifest), label="side")
    result = trained(same_footage, run, second=also, folds=2)
    parts = [Scores.read(run / "folds" / n / "scores_second.csv") for n in ("1", "2")]
    assert result.second is not None
    assert parts[0].videos == parts[1].videos
    assert result.second.videos == len(parts[0].videos)
    right = [np.mean(part.predicted == part.labels) for part in parts]
    assert result.second.accuracy.mean == pytest.approx(np.mean(right))
    assert result.second.confusion.sum() == 2 * result.second.videos
    assert load_classifier(run / "folds" / "2", head="second_head").classes == ("left", "other")


def test_the_second_head_has_a_rate_of_its_own(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    also = SecondData(data=str(other_manifest), label="side")
    found = {}
    for steps in (1, 3):
        for rate in (0.0, 1.0):
            out = tmp_path / f"{steps}-{rate}"
            rates = {"second_head": rate}
            trained(digits_manifest, out, second=also, rates=rates, plan={"steps": steps})
            found[steps, rate] = weights(out)
    name = "second_head.last.weight"
    assert torch.equal(found[1, 0.0][name], found[3, 0.0][name])
    assert not torch.equal(found[1, 1.0][name], found[3, 1.0][name])
    assert not torch.equal(found[1, 0.0]["head.last.weight"], found[3, 0.0]["head.last.weight"])
    with pytest.raises(InputError, match="rates name 'second_head', which the model has not"):
        trained(digits_manifest, tmp_path / "alone", rates={"second_head": 0.5})


def test_the_second_data_set_may_have_flow_of_its_own(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    folders = []
    for manifest in (digits_manifest, other_manifest):
        folders.append(tmp_path / manifest.stem)
        compute_flow(manifest, out=folders[-1], size=32, workers=1, quiet=True)
    encoder = FrameEncoder(SmallNet(channels=4, stages=(8,)), input=FlowStack(2))
    more: dict[str, Any] = {"encoder": encoder, "size": None, "flow": folders[0]}
    also = SecondData(data=str(other_manifest), label="side", flow=str(folders[1]))
    result = trained(digits_manifest, tmp_path / "run", second=also, **more)
    assert result.second is not None
    without = dataclasses.replace(also, flow=None)
    with pytest.raises(InputError, match="has no forward flow of video"):
        trained(digits_manifest, tmp_path / "lacking", second=without, **more)


def test_the_recipe_of_a_run_makes_the_same_run(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    also = SecondData(data=str(other_manifest), label="side", batch=2, weight=0.5)
    trained(digits_manifest, tmp_path / "first", second=also)
    for before, after in (("first", "second"), ("second", "third")):
        recipe = tmp_path / before / "recipe.yaml"
        with pytest.raises(SystemExit) as left:
            main(["finetune", "--config", str(recipe), "--out", str(tmp_path / after)])
        assert left.value.code == 0
    assert same(tmp_path / "second", tmp_path / "third")


def test_the_command_line_takes_a_manifest_as_it_is(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    trained(digits_manifest, tmp_path / "first")
    named = other_manifest.with_name("named.csv")
    rows = [
        dataclasses.replace(row, label=row.columns["side"])
        for row in Manifest.read(other_manifest).rows
    ]
    Manifest(tuple(rows), other_manifest.parent).write(named)
    words = ["finetune", "--config", str(tmp_path / "first" / "recipe.yaml")]
    with pytest.raises(SystemExit) as left:
        main([*words, "--also", str(named), "--out", str(tmp_path / "second")])
    assert left.value.code == 0
    result = json.loads((tmp_path / "second" / "result.json").read_text())
    assert result["second"]["data"] == str(named)
    assert result["protocol"]["second"]["weight"] == 1.0


@pytest.mark.parametrize(
    ("asked", "options", "complaint"),
    [
        ({"data": ""}, {}, "second has no data; expected a manifest of labelled videos"),
        ({"data": "missing.csv"}, {}, "missing.csv"),
        ({"label": "colour"}, {}, "column 'colour' is not in the manifest"),
        ({"weight": -1.0}, {}, "weight of second is -1.0; expected 0 or more"),
        ({"batch": 0}, {}, "of second: batch must be at least 1, got 0"),
        ({"batch": 3}, {"plan": {"accumulate": 2}}, "of second: batch 3 is no multiple of"),
        ({"flow": "flow"}, {}, "of second: flow is 'flow' but the encoder takes pixels"),
        ({}, {"rates": {"encoder": 0}}, "second trains the encoder, whose rate is 0"),
        ({}, {"clips": RandomClips(frames=400)}, "longer than every video"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    digits_manifest: Path,
    other_manifest: Path,
    tmp_path: Path,
    asked: dict[str, Any],
    options: dict[str, Any],
    complaint: str,
) -> None:
    asked = {"data": str(other_manifest), "label": "side", **asked}
    with pytest.raises(InputError, match=complaint) as raised:
        trained(digits_manifest, tmp_path / "run", second=SecondData(**asked), **options)
    assert "\n" not in str(raised.value)


def test_coherence_and_a_second_data_set_exclude_each_other(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    coherence = Coherence(data=str(digits_manifest), batch=4)
    also = SecondData(data=str(other_manifest), label="side")
    with pytest.raises(InputError, match="both second and coherence are given"):
        trained(digits_manifest, tmp_path / "run", second=also, coherence=coherence)
    assert not (tmp_path / "run").exists()
