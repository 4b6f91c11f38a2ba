"""Every recipe, shrunk, makes one step and leaves an encoder."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from selfvid.cli import main
from selfvid.encoders.base import load_encoder

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.yaml"))
SHRUNK = ("--training.steps", "1", "--training.batch", "8", "--training.warmup", "0")
FROM_FILES = ("--size", "32", "--workers", "0")


def plain(recipe: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(recipe.read_text()))


def shrunk(recipe: Path, manifest: Path) -> list[str]:
    """Options under which a recipe makes one small step."""
    words = list(SHRUNK)
    if plain(recipe)["objective"]["init_args"]["encoder"]["init_args"].get("hidden", 0) > 64:
        words += ["--objective.encoder.hidden", "16"]
    if "data" in plain(recipe):
        words += ["--data.source", "sklearn"]
        # Frames laid out flat have one size; maps may have any.
        small = ["--data.canvas", "32", "--data.frames", "12"]
        return words if "FlatFrames" in recipe.read_text() else [*words, *small]
    if plain(recipe)["clips"]["init_args"]["frames"] > 8:
        words += ["--clips.frames", "8", "--clips.stride", "1", "--objective.future", "2"]
    return [*words, *FROM_FILES, "--data", str(manifest)]


def test_there_are_recipes() -> None:
    assert len(RECIPES) >= 6


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_runs(recipe: Path, digits_manifest: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["pretrain", "--config", recipe.stem, "--out", str(run)]
    with pytest.raises(SystemExit) as stopped:
        main([*words, *shrunk(recipe, digits_manifest)])
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
