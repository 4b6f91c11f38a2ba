from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import yaml

from selfvid.cli.recipes import find_recipe, with_recipe_paths
from selfvid.errors import InputError
from selfvid.pretraining.command import pretrain
from tests.cli.calls import fails_in_one_line


def test_recipes_are_found_by_bare_name_and_by_path(tmp_path: Path) -> None:
    assert find_recipe("coherence").name == "coherence.yaml"
    own = tmp_path / "own.yaml"
    own.write_text("")
    assert find_recipe(str(own)) == own
    with pytest.raises(InputError, match="coherence"):
        find_recipe("elsewhere/coherence")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "contains None; expected settings"),
        ("- a\n- b\n", "contains ['a', 'b']; expected settings"),
        ("objective: [a\n  b: }", "is no YAML: while parsing a flow sequence at line 1"),
        ("objective: !!python/object/apply:os.getcwd []", "is no YAML"),
        ("objectiv: 3", "'objectiv' is unknown in recipe 'mine.yaml'; expected objective"),
    ],
)
def test_a_file_that_is_no_recipe_is_named_in_one_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(text)
    words = ("pretrain", "--config", "mine.yaml", "--data", "d.csv", "--out", "o")
    assert expected in fails_in_one_line(capsys, *words)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("    margn: 1.0", "'margn' is unknown; expected one of encoder, margin"),
        ("    margin: wide", "expected float, got 'wide'"),
        ("    margin: -1.0", "margin must be positive, got -1.0"),
    ],
)
def test_a_mistake_in_a_recipe_is_one_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: str,
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = find_recipe("coherence_frames").read_text()
    assert "    margin: 32.0" in text
    Path("mine.yaml").write_text(text.replace("    margin: 32.0", changed))
    words = ("pretrain", "--config", "mine.yaml", "--data", "d.csv", "--out", "o")
    assert expected in fails_in_one_line(capsys, *words)


def test_a_misspelt_key_of_the_recipe_itself_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(find_recipe("coherence").read_text() + "sise: 64\n")
    words = ("pretrain", "--config", "mine.yaml", "--data", "d.csv", "--out", "o")
    assert "'sise' is unknown" in fails_in_one_line(capsys, *words)


def test_the_recipe_after_config_becomes_a_path_in_both_spellings(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("seed: 3\n")
    words = ["--config", str(own), "--out", "o", f"--config={own}"]
    twice = ["--config", str(own)] * 2
    assert with_recipe_paths(words, ["seed", "out"]) == [*twice, "--out", "o"]
    shipped = str(find_recipe("coherence"))
    names = list(inspect.signature(pretrain).parameters)
    assert with_recipe_paths(["--config", "coherence"], names) == ["--config", shipped]
    assert with_recipe_paths(["--config=coherence"], names) == ["--config", shipped]
    assert with_recipe_paths(["--seed", "1", "--config"], names) == ["--seed", "1", "--config"]


def test_an_option_overrides_the_recipe_before_it_and_behind_it() -> None:
    names = list(inspect.signature(pretrain).parameters)
    shipped = str(find_recipe("coherence"))
    before = with_recipe_paths(["--training.steps", "3", "--config", "coherence"], names)
    behind = with_recipe_paths(["--config", "coherence", "--training.steps", "3"], names)
    assert before == behind == ["--config", shipped, "--training.steps", "3"]


def test_a_recipe_of_version_0_1_is_given_with_current_names(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("lanes: {window: 3}\ntraining: {precision: bf16-mixed, steps: 5}\n")
    _, text = with_recipe_paths(["--config", str(own)], ["streams", "training", "precision"])
    assert yaml.safe_load(text) == {
        "streams": {"window": 3},
        "training": {"steps": 5},
        "precision": "bfloat16",
    }


def test_a_name_that_is_not_a_recipe_lists_all_recipes() -> None:
    with pytest.raises(InputError) as raised:
        find_recipe("coherense")
    listed = str(raised.value).partition("one of ")[2].split(", ")
    assert listed == sorted(listed)
    assert all(find_recipe(name).is_file() for name in listed)
