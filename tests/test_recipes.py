"""Every recipe, shrunk, makes one step and leaves an encoder."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from selfvid.cli.commands import main
from selfvid.data.digits.files import write_footage
from selfvid.data.digits.moving_digits import DIRECTIONS
from selfvid.data.flow.command import compute_flow
from selfvid.data.indexing.command import index
from selfvid.encoders.base import load_encoder
from selfvid.finetuning.classifier import load_classifier

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.yaml"))
SHRUNK = ("--training.steps", "1", "--training.batch", "8", "--training.warmup", "0")
FROM_FILES = ("--size", "32", "--workers", "0")


PRETRAINED = [path for path in RECIPES if "objective" in yaml.safe_load(path.read_text())]
# Of detectors; tests/detecting/test_command.py runs it.
DETECTED = [path for path in RECIPES if "lanes" in yaml.safe_load(path.read_text())]
FINETUNED = [
    path for path in RECIPES if "head" in yaml.safe_load(path.read_text()) and path not in DETECTED
]
ON_CLIPS = [path for path in FINETUNED if "ClipEncoder" in path.read_text()]
ON_FRAMES = [path for path in FINETUNED if path not in ON_CLIPS]


def plain(recipe: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(recipe.read_text()))


def shrunk(recipe: Path, manifest: Path, flow: Path) -> list[str]:
    """Options under which a recipe makes one small step."""
    words = list(SHRUNK)
    if plain(recipe)["objective"]["init_args"]["encoder"]["init_args"].get("hidden", 0) > 64:
        words += ["--objective.encoder.hidden", "16"]
    if "data" in plain(recipe):
        words += ["--data.source", "sklearn"]
        # Frames laid out flat have one size; maps may have any.
        small = ["--data.canvas", "32", "--data.frames", "12"]
        return words if "FlatFrames" in recipe.read_text() else [*words, *small]
    if "flow_input" in recipe.read_text():
        return [*words, *stacks_of_three(recipe), "--flow", str(flow), "--data", str(manifest)]
    if "ClipEncoder" in recipe.read_text():
        return [*words, *FROM_FILES, "--clips.stride", "1", "--data", str(manifest)]
    if plain(recipe)["clips"]["init_args"]["frames"] > 8:
        words += ["--clips.frames", "8", "--clips.stride", "1", "--objective.future", "2"]
    return [*words, *FROM_FILES, "--data", str(manifest)]


def stacks_of_three(recipe: Path) -> list[str]:
    if "FlowStack" not in recipe.read_text():
        return ["--clips.stride", "2"]
    frames = "--objective.encoder.encoder"
    words = [f"{frames}.input.length", "3", f"{frames}.backbone.channels", "6"]
    return [*words, "--objective.encoder.stride", "3", "--clips.frames", "6"]


def shrunk_head(recipe: Path, manifest: Path, flow: Path) -> list[str]:
    """The same for recipes of heads; published networks need more than 90 pixels."""
    settings = plain(recipe)
    words = [*SHRUNK, "--workers", "0", "--label", "direction", "--data", str(manifest)]
    if settings["clips"]["init_args"]["frames"] > 1:
        words += ["--clips.frames", "4", "--clips.stride", "1"]
        words += ["--views.frames", "4", "--views.stride", "1"]
    if "clips" in settings["views"]["init_args"]:
        words += ["--views.clips", "2"]
    if "crop" in settings:
        words += ["--crop.size", "92", "--crop.tested", "centre"]
    if "sides" in settings.get("crop", {}).get("init_args", {}):
        words += ["--crop.sides", "[92, 96]"]
    if "coherence" in settings:
        words += ["--coherence.data", str(manifest), "--coherence.batch", "4"]
    if "also" in settings:
        words += ["--also.data", str(manifest), "--also.label", "direction", "--also.batch", "8"]
    if "flow_input" not in recipe.read_text():
        return [*words, "--size", "96" if "crop" in settings else "32"]
    if "FlowStack" in recipe.read_text():
        words += ["--encoder.input.length", "3", "--encoder.backbone.channels", "6"]
    return [*words, "--flow", str(flow)]


def shrunk_on_clips(recipe: Path, manifest: Path) -> list[str]:
    """The same for networks on clips, which take no other number of frames."""
    settings = plain(recipe)
    words = [*SHRUNK, "--workers", "0", "--label", "direction", "--data", str(manifest)]
    words += ["--clips.stride", "1", "--views.stride", "1"]
    if "clips" in settings["views"]["init_args"]:
        words += ["--views.clips", "2"]
    if "crop" in settings:
        return [*words, "--crop.size", "92", "--size", "96"]
    return words if "Baccouche" in recipe.read_text() else [*words, "--size", "32"]


@pytest.fixture(scope="module")
def long_videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drifting digits as long as the longest clips of recipes."""
    folder = tmp_path_factory.mktemp("long")
    table = write_footage(folder / "videos", videos=32, frames=33, size=32, seed=1)
    index(table, out=folder / "digits.csv", quiet=True, workers=1)
    return folder / "digits.csv"


@pytest.fixture(scope="module")
def flow(digits_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("flow") / "flow"
    compute_flow(digits_manifest, out=out, size=96, workers=1, quiet=True)
    return out


def test_there_are_recipes() -> None:
    assert len(PRETRAINED) >= 6
    assert len(ON_FRAMES) >= 4
    assert len(ON_CLIPS) >= 9
    assert [path.stem for path in DETECTED] == ["montes2016_activitynet"]
    assert sorted(PRETRAINED + FINETUNED + DETECTED) == RECIPES


@pytest.mark.parametrize("recipe", ON_CLIPS, ids=lambda path: path.stem)
def test_a_recipe_of_a_head_on_clips_runs(recipe: Path, long_videos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["finetune", "--config", recipe.stem, "--out", str(run)]
    with pytest.raises(SystemExit) as stopped:
        main([*words, *shrunk_on_clips(recipe, long_videos)])
    assert stopped.value.code == 0
    assert load_classifier(run).classes == tuple(sorted(DIRECTIONS))


@pytest.mark.parametrize("recipe", ON_FRAMES, ids=lambda path: path.stem)
def test_a_recipe_of_a_head_runs(
    recipe: Path, digits_manifest: Path, flow: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ["finetune", "--config", recipe.stem, "--out", str(run)]
    with pytest.raises(SystemExit) as stopped:
        main([*words, *shrunk_head(recipe, digits_manifest, flow)])
    assert stopped.value.code == 0
    assert load_classifier(run).classes == tuple(sorted(DIRECTIONS))


@pytest.mark.parametrize("recipe", PRETRAINED, ids=lambda path: path.stem)
def test_a_recipe_runs(
    recipe: Path, digits_manifest: Path, long_videos: Path, flow: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    footage = long_videos if "ClipEncoder" in recipe.read_text() else digits_manifest
    words = ["pretrain", "--config", recipe.stem, "--out", str(run)]
    with pytest.raises(SystemExit) as stopped:
        main([*words, *shrunk(recipe, footage, flow)])
    assert stopped.value.code == 0
    assert load_encoder(run).provenance.frames


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_says_what_it_is_and_how_it_is_run(recipe: Path) -> None:
    text = recipe.read_text()
    header = [line for line in text.splitlines() if line.startswith("#")]
    assert any(f"--config {recipe.stem} " in line for line in header)
    assert len(text.splitlines()) < 60
    assert "out" not in plain(recipe)
    # Footage is the user's; only what is made on the spot is part of a recipe.
    assert isinstance(plain(recipe).get("data", {}), dict)


def test_the_recipe_that_a_run_leaves_runs_again(digits_manifest: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    words = ["pretrain", "--data", str(digits_manifest)]
    for out, recipe in ((first, "vicreg"), (second, str(first / "recipe.yaml"))):
        with pytest.raises(SystemExit) as stopped:
            main([*words, "--config", recipe, "--out", str(out), *SHRUNK, *FROM_FILES])
        assert stopped.value.code == 0
    weights = [(run / "encoder" / "model.safetensors").read_bytes() for run in (first, second)]
    assert weights[0] == weights[1]
