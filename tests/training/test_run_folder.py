import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from selfvid.backbones.small import SmallNet
from selfvid.encoders.base import Encoder, Provenance
from selfvid.encoders.flow_input import FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput, Input, PixelInput
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.encoders.vectors import Percepts
from selfvid.errors import InputError
from selfvid.training.run_folder import RunFolder, recipe_hash, surroundings, warm_start
from tests.pretraining.runs import tiny_objective, tiny_run, weights


def test_a_warm_start_begins_where_the_earlier_run_ended(
    digits_manifest: Path, tmp_path: Path
) -> None:
    first = tiny_run(digits_manifest, tmp_path / "first")
    second = tiny_run(
        digits_manifest, tmp_path / "second", objective=tiny_objective(seed=5), init=first
    )
    ended, began = weights(first), weights(second, "encoder_at_start")
    assert all(torch.equal(ended[name], began[name]) for name in ended)


def test_a_warm_start_from_another_architecture_is_refused(
    digits_manifest: Path, tmp_path: Path
) -> None:
    other = FrameEncoder(SmallNet(channels=3, stages=(16, 32, 64)))
    other.save(tmp_path / "other")
    with pytest.raises(InputError, match="only 0 of"):
        tiny_run(digits_manifest, tmp_path / "run", init=tmp_path / "other")


def on_frames() -> FrameEncoder:
    return FrameEncoder(SmallNet(channels=1, stages=(8, 8)))


def sliding() -> SlidingEncoder:
    return SlidingEncoder(on_frames(), stride=2, window=2)


def inner_weights(encoder: Encoder) -> dict[str, torch.Tensor]:
    """Of what lies within a sliding encoder, or of the encoder itself."""
    inner = encoder.encoder if isinstance(encoder, SlidingEncoder) else encoder
    return {name: value.clone() for name, value in inner.state_dict().items()}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [(on_frames, on_frames), (on_frames, sliding), (sliding, on_frames), (sliding, sliding)],
    ids=["same", "into a sliding one", "out of a sliding one", "both sliding"],
)
def test_weights_find_their_place(earlier: object, later: object, tmp_path: Path) -> None:
    assert callable(earlier)
    assert callable(later)
    before, after = earlier(), later()
    start = inner_weights(before)
    assert any(not torch.equal(value, start[name]) for name, value in inner_weights(after).items())
    before.save(tmp_path / "earlier")
    warm_start(after, tmp_path / "earlier")
    found = inner_weights(after)
    assert found.keys() == start.keys()
    assert all(torch.equal(found[name], value) for name, value in start.items())


def on(input: Input) -> Encoder:
    return FrameEncoder(SmallNet(channels=input.channels, stages=(8, 8)), input=input)


def on_percepts(squash: float | None) -> Encoder:
    return LSTMEncoder(Percepts(on_frames(), squash=squash), hidden=4)


@pytest.mark.parametrize(
    ("earlier", "later", "words"),
    [
        (
            on(PixelInput("rgb")),
            on(PixelInput("bgr")),
            "colour=rgb.*reads PixelInput",
        ),
        (on(DifferenceInput()), on(DifferenceInput(deviation=0.2)), "deviation=0.1.*deviation=0.2"),
        (on(DifferenceInput()), on(PixelInput("grey")), "trained on DifferenceInput.*reads Pixel"),
        (on(FlowStack(5)), on(FlowStack(5, scale=2.0)), "trained on FlowStack.*reads FlowStack"),
        (on_percepts(2.0), on_percepts(None), "trained on percepts squashed by 2.0.*by None"),
        (
            SlidingEncoder(on(DifferenceInput())),
            on(PixelInput("grey")),
            "trained on DifferenceInput.*reads Pixel",
        ),
    ],
)
def test_weights_that_would_read_other_values_are_refused(
    earlier: Encoder, later: Encoder, words: str, tmp_path: Path
) -> None:
    earlier.save(tmp_path / "earlier")
    before = inner_weights(later)
    with pytest.raises(InputError, match=words) as raised:
        warm_start(later, tmp_path / "earlier")
    assert "\n" not in str(raised.value)
    assert all(torch.equal(value, before[name]) for name, value in inner_weights(later).items())


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (on(PixelInput("grey")), on(PixelInput("grey", mean=[0.449], deviation=[0.226]))),
        (
            on(PixelInput("bgr", scale=255, mean=[51.0] * 3, deviation=[255.0] * 3)),
            on(PixelInput("bgr", mean=[0.2] * 3, deviation=[1.0] * 3)),
        ),
    ],
    ids=["the default written out", "another unit"],
)
def test_the_same_values_may_be_stated_in_two_ways(
    earlier: Encoder, later: Encoder, tmp_path: Path
) -> None:
    earlier.save(tmp_path / "earlier")
    warm_start(later, tmp_path / "earlier")
    assert all(map(torch.equal, later.state_dict().values(), earlier.state_dict().values()))


def test_what_the_earlier_encoder_had_seen_counts_as_seen(tmp_path: Path) -> None:
    earlier, later = on_frames(), on_frames()
    earlier.provenance = Provenance(footage=("a", "b"), labelled=("b",), stride=7)
    later.provenance = Provenance(stride=2)
    earlier.save(tmp_path / "earlier")
    warm_start(later, tmp_path / "earlier")
    assert later.provenance == dataclasses.replace(earlier.provenance, stride=2)


def test_tensors_of_another_shape_keep_their_values(tmp_path: Path) -> None:
    earlier = FrameEncoder(SmallNet(channels=1, stages=(8, 16)))
    later = FrameEncoder(SmallNet(channels=3, stages=(8, 16)))  # the first convolution is wider
    before = inner_weights(later)
    earlier.save(tmp_path / "earlier")
    warm_start(later, tmp_path / "earlier")
    theirs, ours = inner_weights(earlier), inner_weights(later)
    other = [name for name in ours if theirs[name].shape != ours[name].shape]
    assert len(other) == 1
    for name, value in ours.items():
        assert torch.equal(value, (before if name in other else theirs)[name])


def test_a_recipe_reads_back_and_its_comments_name_the_versions(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    recipe = {"seed": 0, "data": "größer.csv", "training": {"steps": 3, "staircase": [0.5, 2]}}
    run.write_recipe(recipe)
    assert run.read_recipe() == recipe
    text = run.recipe.read_text(encoding="utf-8")
    assert f"# torch: {torch.__version__}".partition("+")[0] in text
    assert all(f"# {name}: {value}\n" in text for name, value in surroundings().items())


@pytest.mark.parametrize("text", [None, "", "a: [", "- 1\n- 2"])
def test_what_is_not_a_recipe_is_named(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(InputError, match=r"recipe\.yaml' is not a recipe"):
        RunFolder(tmp_path).read_recipe()


def test_a_run_with_the_names_of_an_earlier_version_is_resumed(tmp_path: Path) -> None:
    former = {"also": None, "training": {"look_every": 9, "accelerator": "gpu"}, "seed": 0}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(former))
    now: dict[str, Any] = {
        "second": None, "training": {"preview_every": 9}, "device": "cuda", "seed": 0,
    }  # fmt: skip
    RunFolder(tmp_path).check_resumable(now)
    with pytest.raises(InputError, match=r"device of the run in .* was 'cuda', got 'cpu'"):
        RunFolder(tmp_path).check_resumable(now | {"device": "cpu"})


def test_places_and_workers_may_differ_when_a_run_is_resumed(tmp_path: Path) -> None:
    recipe = {"out": "a", "workers": 1, "decoded": None, "split": "train"}
    run = RunFolder(tmp_path)
    run.write_recipe(recipe)
    run.check_resumable({"out": "b", "workers": 8, "decoded": "kept", "split": "train"})
    with pytest.raises(InputError, match=r"split of the run in .* was 'train', got None"):
        run.check_resumable({"out": "a", "workers": 1, "decoded": None})


def test_folds_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.folds == ()
    for number in (10, 2, 1):
        run.fold(number).mkdir(parents=True)
    (tmp_path / "folds" / "notes").mkdir()
    assert run.folds == tuple(run.fold(number) for number in (1, 2, 10))


def test_encoders_are_in_the_run_or_else_in_its_folds(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.encoders == (tmp_path,)
    run.fold(1).mkdir(parents=True)
    assert run.encoders == (run.fold(1),)
    assert RunFolder(tmp_path / "flow_encoder").encoders == (tmp_path / "flow_encoder",)
    (run.fold(1) / "flow_encoder").mkdir()
    assert RunFolder(tmp_path / "flow_encoder").encoders == (run.fold(1) / "flow_encoder",)
    run.encoder.mkdir()
    assert run.encoders == (tmp_path,)


def test_an_empty_folder_may_become_a_run_and_a_file_may_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    RunFolder(tmp_path / "empty").create()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file' exists; expected a new one"):
        RunFolder(tmp_path / "file").create()


def test_trimming_keeps_the_lines_up_to_a_step_word_for_word(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.trim_history(5)  # nothing is there yet
    assert not run.history.exists()
    lines = [json.dumps({"step": step, "loss": 1 / (step + 1)}) + "\n" for step in (0, 3, 5, 6)]
    run.history.write_text("".join(lines) + '{"step"')
    run.trim_history(5)
    assert run.history.read_text() == "".join(lines[:3])


def test_a_recipe_s_hash_depends_on_everything_but_its_folder_and_order() -> None:
    recipe = {"out": "a", "seed": 0, "training": {"steps": 3, "rate": 0.1}}
    same = {"training": {"rate": 0.1, "steps": 3}, "seed": 0, "out": "b"}
    assert recipe_hash(recipe) == recipe_hash(same)
    assert recipe_hash(recipe) != recipe_hash(recipe | {"seed": 1})
