from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from selfvid.cli.imports import as_option, without_allowed
from selfvid.errors import InputError
from tests.cli.calls import fails_in_one_line, run

PRETRAIN = ("pretrain", "--config", "vicreg", "--data", "none.csv", "--out", "runs/none")
TRACE = "from pathlib import Path\nPath('imported').touch()\nclass Evil: pass\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, importable, with a module that leaves a trace when it is imported."""
    (tmp_path / "stranger.py").write_text(TRACE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        (*PRETRAIN, "--objective", "stranger.Evil"),
        (*PRETRAIN, "--objective.encoder.backbone.class_path", "stranger.Evil"),
        (*PRETRAIN, "--objective", "stranger.Evil", "--objective.encoder.unknown", "null"),
        ("finetune", "--config", "lrcn_ut_interaction", "--data", "n.csv", "--out", "o",
         "--head", "stranger.Evil"),
        ("detect", "train", "--encoder", "e", "--annotations", "a.csv", "--out", "o",
         "--head", "stranger.Evil"),
        ("probe", "run", "n.csv", "--baselines", '[{"class_path": "stranger.Evil"}]'),
    ],
)  # fmt: skip
def test_a_class_of_another_package_is_not_imported(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    line = fails_in_one_line(capsys, *words)
    assert "class path 'stranger.Evil' is not imported" in line
    assert "--allow stranger" in line
    assert not (folder / "imported").exists()


def test_a_recipe_names_only_trusted_or_allowed_classes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = "objective: {class_path: stranger.Evil}\n"
    (folder / "r.yaml").write_text(recipe)
    words = ("pretrain", "--config", "r.yaml", "--data", "n.csv", "--out", "o")
    for after in ((), ("--objective.margin", "1")):
        assert "is not imported" in fails_in_one_line(capsys, *words, *after)
    assert not (folder / "imported").exists()
    line = fails_in_one_line(capsys, *words, "--allow", "stranger")
    assert "not correspond to a subclass of Objective" in line
    assert (folder / "imported").exists()
    # What one call allowed, the next does not.
    assert "is not imported" in fails_in_one_line(capsys, *words)


def test_a_recipe_cannot_allow_anything(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "r.yaml").write_text("allow: [stranger]\nobjective: {class_path: stranger.Evil}\n")
    words = ("pretrain", "--config", "r.yaml", "--data", "n.csv", "--out", "o")
    assert "option 'allow' is unknown in recipe" in fails_in_one_line(capsys, *words)
    assert not (folder / "imported").exists()


def test_what_an_allowed_module_imports_is_not_allowed_with_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = fails_in_one_line(capsys, *PRETRAIN, "--objective", "torch.os.system")
    assert "is not imported" in line


@pytest.mark.parametrize("given", ["a.b", "a.b.", "[a.b]", '["a.b."]'])
def test_allowed_prefixes_are_words_or_lists(given: str) -> None:
    for words in (["x", "--allow", given, "y"], ["x", f"--allow={given}", "y"]):
        others, allowed = without_allowed(words)
        assert (others, allowed) == (["x", "y"], ["a.b."])
    assert as_option(["a.b."]) == ['--allow=["a.b."]']
    with pytest.raises(InputError, match="expected a package such as my_package"):
        without_allowed(["--allow", "../evil"])


def test_files_in_the_current_folder_replace_no_module(tmp_path: Path) -> None:
    for name in ("yaml", "random", "jsonargparse", "numpy", "torch", "av", "tqdm"):
        (tmp_path / f"{name}.py").write_text(TRACE)
    (tmp_path / "video.mp4").write_bytes(bytes(99))
    words = [sys.executable, "-m", "selfvid", "index", "video.mp4", "-o", "m.csv"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "none of 1 videos is readable" in done.stderr
    assert not (tmp_path / "imported").exists()


def test_help_says_what_allow_does(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "pretrain", "--help")
    assert "whose classes the recipe may name too" in " ".join(out.split())
