from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import selfvid
from selfvid.cli import commands as cli
from selfvid.cli.commands import COMMANDS
from selfvid.errors import InputError
from tests.cli.calls import fails_in_one_line, run


def test_help_is_fast_and_names_every_command() -> None:
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
def test_a_wrong_argument_is_one_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in fails_in_one_line(capsys, *words)
    assert not list(tmp_path.iterdir())


def test_a_traceback_is_shown_only_with_debug(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, quiet = run(capsys, "report", "nowhere")
    _, _, loud = run(capsys, "report", "nowhere", "--debug")
    assert "Traceback" not in quiet
    assert "Traceback" in loud


def test_a_short_o_is_the_output_of_every_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (("probe", "nowhere", "m.csv"), ("embed", "nowhere", "m.csv")):
        assert "'nowhere' holds no encoder" in fails_in_one_line(capsys, *words, "-o", "there.csv")


def test_a_folder_that_cannot_be_written_is_an_error_of_the_user(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(run: str) -> None:
        raise PermissionError(13, "Permission denied", run)

    monkeypatch.setattr(cli, "_find", lambda _: refuse)
    line = fails_in_one_line(capsys, "report", "locked")
    assert "'locked' cannot be used: permission denied" in line


def test_every_command_is_described_in_one_short_line(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--help")
    listed = [line for line in out.splitlines() if line.startswith("  ")]
    assert len(listed) == len(COMMANDS)
    assert max(map(len, out.splitlines())) <= 88


def test_a_switch_needs_no_value_and_o_is_short_for_out() -> None:
    def function(run: Path, *, out: Path, resume: bool = False, seed: int = 0) -> None: ...

    words = ["r", "-o", "there", "--resume", "--seed", "-o"]
    assert cli._normalised(words, function) == [
        "r", "--out", "there", "--resume=true", "--seed", "--out",
    ]  # fmt: skip
    given = ["--resume", "false", "--resume=true"]
    assert cli._normalised(given, function) == given


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("a  is\n 3; expected 4"), 2, "selfvid: a is 3; expected 4"),
        (KeyboardInterrupt(), 130, "selfvid: interrupted"),
        (ZeroDivisionError("division by zero"), 1, "selfvid: ZeroDivisionError: division by zero"),
        (FileNotFoundError(2, "No such file", "a.csv"), 2, "selfvid: 'a.csv' cannot be used"),
    ],
)
def test_the_exit_code_says_whose_error_it_was(
    error: BaseException,
    code: int,
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: str) -> None:
        raise error

    monkeypatch.setattr(cli, "_find", fail)
    found, _, printed = run(capsys, "report", "there")
    assert found == code
    assert printed.startswith(line)
    assert printed.count("\n") == 1


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"selfvid {selfvid.__version__}\n", "")
