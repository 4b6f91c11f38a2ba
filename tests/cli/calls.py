"""Calling the command line in this process."""

from __future__ import annotations

import pytest

from selfvid.cli.commands import main


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run a command; return its exit code, its output and its error output."""
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    printed = capsys.readouterr()
    code = stopped.value.code
    assert isinstance(code, int)
    return code, printed.out, printed.err


def fails_in_one_line(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that fails because of its user; return the only line that it prints."""
    code, _, printed_error = run(capsys, *words)
    assert code == 2
    assert printed_error.startswith("selfvid: ")
    assert printed_error.count("\n") == 1
    return printed_error
