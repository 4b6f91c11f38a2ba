"""Every recipe makes one small step with the options that its own header names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.recipe_table import DOCS, RECIPES, all_headers, read_header, table
from selfvid.cli.commands import main
from selfvid.data.digits.files import write_footage
from selfvid.data.digits.moving_digits import DIRECTIONS
from selfvid.data.flow.command import compute_flow
from selfvid.data.indexing.command import index
from selfvid.encoders.base import load_encoder
from selfvid.finetuning.classifier import load_classifier

pytestmark = pytest.mark.slow

ALL = sorted(RECIPES.glob("*.yaml"))


def settings_of(recipe: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(recipe.read_text()))


def classes_in(settings: object) -> Iterator[str]:
    """Every class path that a recipe names, at any depth."""
    if isinstance(settings, dict):
        if "class_path" in settings:
            yield settings["class_path"]
        for value in settings.values():
            yield from classes_in(value)


def command_of(settings: dict[str, Any]) -> str:
    """The command that reads such a recipe, told by the one setting that no other command has."""
    named = {"objective": "pretrain", "clips": "finetune", "streams": "detect"}
    return next(command for setting, command in named.items() if setting in settings)


PRETRAINED = [path for path in ALL if command_of(settings_of(path)) == "pretrain"]
FINETUNED = [path for path in ALL if command_of(settings_of(path)) == "finetune"]
DETECTED = [path for path in ALL if command_of(settings_of(path)) == "detect"]


def inputs(recipe: Path, manifest: Path, flow: Path) -> list[str]:
    """What a user brings along: footage, flow, a second data set."""
    settings = settings_of(recipe)
    words = [] if "data" in settings else ["--data", str(manifest), "--workers", "0"]
    if any(".flow_input." in name for name in classes_in(settings)):
        words += ["--flow", str(flow)]
    if "coherence" in settings:
        words += ["--coherence.data", str(manifest)]
    if "second" in settings:
        words += ["--second.data", str(manifest), "--second.label", "direction"]
    return words


def run(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 0


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drifting digits, as long as the longest clips of recipes at stride 1."""
    folder = tmp_path_factory.mktemp("videos")
    written = write_footage(folder / "videos", videos=32, frames=33, size=32, seed=1)
    index(written, out=folder / "digits.csv", quiet=True, workers=1)
    return folder / "digits.csv"


@pytest.fixture(scope="module")
def flow(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("flow") / "flow"
    compute_flow(videos, out=out, size=96, workers=1, quiet=True)
    return out


def test_every_recipe_belongs_to_one_command() -> None:
    assert len(PRETRAINED) >= 6
    assert len(FINETUNED) >= 13
    # tests/detecting/test_command.py runs the recipe for detection.
    assert [path.stem for path in DETECTED] == ["montes2016_activitynet"]
    assert sorted(PRETRAINED + FINETUNED + DETECTED) == ALL


@pytest.mark.parametrize("recipe", FINETUNED, ids=lambda path: path.stem)
def test_a_recipe_with_labels_runs(recipe: Path, videos: Path, flow: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["finetune", "--config", recipe.stem, "--out", str(out), "--label", "direction"]
    run([*words, *inputs(recipe, videos, flow), *read_header(recipe).small])
    assert load_classifier(out).classes == tuple(sorted(DIRECTIONS))


@pytest.mark.parametrize("recipe", PRETRAINED, ids=lambda path: path.stem)
def test_a_recipe_without_labels_runs(
    recipe: Path, videos: Path, flow: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = ["pretrain", "--config", recipe.stem, "--out", str(out)]
    run([*words, *inputs(recipe, videos, flow), *read_header(recipe).small])
    assert load_encoder(out).provenance.frames


@pytest.mark.parametrize("recipe", ALL, ids=lambda path: path.stem)
def test_a_recipe_says_what_it_is_and_how_it_is_run(recipe: Path) -> None:
    header, settings = read_header(recipe), settings_of(recipe)
    assert f" --config {recipe.stem} " in header.fields["Run"]
    expected = header.fields["Expected"]
    assert "measured" in expected or "not run at this size" in expected
    assert "thread" in header.fields["Time"] or "one GPU" in header.fields["Time"]
    assert len(recipe.read_text().splitlines()) < 60
    assert "out" not in settings
    # Footage is the user's; only what is generated while training is part of a recipe.
    assert isinstance(settings.get("data", {}), dict)


def test_every_recipe_stands_in_the_table_of_the_docs() -> None:
    headers = all_headers()
    page = (DOCS / "recipes.md").read_text(encoding="utf-8")
    assert page == table(headers), "run: python -m docs.recipe_table"
    rows = [line.split("|")[1].strip(" `") for line in page.splitlines() if line.startswith("| `")]
    assert sorted(rows) == [path.stem for path in ALL]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("# Trains: all\n# loose words\n", "loose words"),
        ("# Trains: all\n# Paper: none\nhead: 1\n", "no Data, Run, Expected, Time, Small"),
    ],
)
def test_a_header_that_lacks_something_is_refused(text: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=named):
        read_header(tmp_path / "mine.yaml")


def test_the_recipe_that_a_run_leaves_runs_again(digits_manifest: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    small = read_header(RECIPES / "vicreg.yaml").small
    words = ["pretrain", "--data", str(digits_manifest), "--workers", "0", *small]
    for out, recipe in ((first, "vicreg"), (second, str(first / "recipe.yaml"))):
        run([*words, "--config", recipe, "--out", str(out)])
    weights = [
        (folder / "encoder" / "model.safetensors").read_bytes() for folder in (first, second)
    ]
    assert weights[0] == weights[1]
