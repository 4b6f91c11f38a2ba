import subprocess
import sys
import time
from pathlib import Path

import pytest

from selfvid.cli import commands as cli
from selfvid.cli.commands import COMMANDS, main
from selfvid.cli.messages import one_line
from selfvid.cli.recipes import find_recipe
from selfvid.errors import InputError


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    printed = capsys.readouterr()
    code = stopped.value.code
    assert isinstance(code, int)
    return code, printed.out, printed.err


def fails_in_one_line(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    code, _, said = run(capsys, *words)
    assert code == 2
    assert said.startswith("selfvid: ")
    assert said.count("\n") == 1
    return said


def test_help_is_instant_and_names_every_command() -> None:
    command = [sys.executable, "-m", "selfvid", "--help"]
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.5
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from selfvid.cli.commands import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'jsonargparse', 'av'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, _ = run(capsys, *name.split(), "--help")
    assert code == 0
    assert COMMANDS[name].example in " ".join(out.split())


def test_an_unknown_command_suggests_the_near_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean pretrain?" in fails_in_one_line(capsys, "pretain")
    assert "did you mean detect?" in fails_in_one_line(capsys, "detct", "run")
    assert "did you mean detect train?" in fails_in_one_line(capsys, "detect", "tran")


@pytest.mark.parametrize("words", [("detect",), ("detect", "--help")])
def test_a_command_of_two_words_lists_the_second(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    code, out, _ = run(capsys, *words)
    assert code == 0
    listed = {line.split("  ")[1] for line in out.splitlines() if line.startswith("  ")}
    assert listed == {"detect train", "detect run", "detect eval"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("pretrain", "--config", "cohrence"), "recipe 'cohrence' is no file; expected one, or"),
        (("pretrain", "--config", "coherence", "--data", "none.csv", "--out", "o"), "none.csv"),
        (
            ("pretrain", "--config", "coherence", "--data", "d", "--out", "o", "--seed", "x"),
            "seed: expected int, got 'x'",
        ),
        (("probe", "nowhere", "none.csv"), "nowhere"),
        (("export", "nowhere"), "nowhere"),
        (("report", "nowhere"), "nowhere"),
        (("fuse", "nowhere", "-o", "f"), "runs holds 1; expected at least 2"),
        (("fuse", "nowhere", "elsewhere", "-o", "f"), "run 'nowhere' does not exist"),
        (("fuse", "-o", "f"), "runs must be given; for example: selfvid fuse"),
        (("fuse", "a", "b", "-o", "f", "--how", "vote"), "got 'vote'"),
        (("compare", "nowhere", "elsewhere"), "run 'nowhere' does not exist"),
        (("index", "nowhere", "-o", "f.csv"), "nowhere"),
        (("detect", "eval", "nowhere"), "'nowhere' is no finished run"),
        (("detect", "run", "nowhere", "a.mp4", "-o", "f"), "'nowhere' is no finished run"),
        (("detect", "run", "nowhere", "-o", "f"), "videos must be given"),
        (("detect", "eval", "nowhere", "--ends", "cut"), "got 'cut'"),
        (
            ("detect", "train", "--encoder", "e", "--annotations", "a.csv", "--out", "o"),
            "'e' holds no encoder",
        ),
    ],
)
def test_what_a_user_gets_wrong_is_one_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in fails_in_one_line(capsys, *words)
    assert not list(tmp_path.iterdir())


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
    text = find_recipe("coherence").read_text()
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


def test_a_misspelt_training_setting_names_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("pretrain", "--config", "coherence", "--data", "d", "--out", "o")
    said = fails_in_one_line(capsys, *words, "--training.stepz", "3")
    assert "stepz" in said


def test_a_traceback_is_shown_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, quiet = run(capsys, "report", "nowhere")
    _, _, loud = run(capsys, "report", "nowhere", "--debug")
    assert "Traceback" not in quiet
    assert "Traceback" in loud


def test_recipes_are_found_by_bare_name_and_by_path(tmp_path: Path) -> None:
    assert find_recipe("coherence").name == "coherence.yaml"
    own = tmp_path / "own.yaml"
    own.write_text("")
    assert find_recipe(str(own)) == own
    with pytest.raises(InputError, match="coherence"):
        find_recipe("elsewhere/coherence")


def test_a_short_o_is_the_output_of_every_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (("probe", "nowhere", "m.csv"), ("embed", "nowhere", "m.csv")):
        assert "'nowhere' holds no encoder" in fails_in_one_line(capsys, *words, "-o", "there.csv")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "holds None; expected settings"),
        ("- a\n- b\n", "holds ['a', 'b']; expected settings"),
        ("objective: [a\n  b: }", 'is no YAML: while parsing a flow sequence in "mine.yaml"'),
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
    ("words", "expected"),
    [
        (
            ("--training.clip_norm", "much"),
            "training.clip_norm: expected float or null, got 'much'",
        ),
        (("--size", "big"), "size: expected int or a list or null, got 'big'"),
        (
            ("--training.optimiser", "adm"),
            "expected one of 'adamw', 'sgd', 'lars', 'rmsprop', got 'adm'",
        ),
        (("--training.stepz", "3"), "did you mean --training.steps?"),
        (("--sed", "3"), "did you mean --seed?"),
        (("--clips.frames", "-1"), "frames of RandomClips is -1"),
        (("--clips", "selfvid.data.clips.sampling.Nope"), "names nothing that can be imported"),
        (("--objective", "torch.nn.Linear"), "torch.nn.Linear"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], expected: str
) -> None:
    given = ("pretrain", "--config", "coherence", "--data", "d.csv", "--out", "o")
    assert expected in fails_in_one_line(capsys, *given, *words)


def test_what_is_not_given_is_named_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    said = fails_in_one_line(capsys, "index", "folder")
    assert "output must be given; for example: selfvid index FOLDER -o" in said


def test_a_place_that_cannot_be_written_to_is_the_users_to_mend(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(run: str) -> None:
        raise PermissionError(13, "Permission denied", run)

    monkeypatch.setattr(cli, "_find", lambda _: refuse)
    said = fails_in_one_line(capsys, "report", "locked")
    assert "'locked' cannot be used: permission denied" in said


def test_complaints_without_a_pattern_are_joined_to_one_line() -> None:
    assert one_line("first\n   second") == "first"
