from __future__ import annotations

import io
import logging
import sys

import pytest

from selfvid.cli.terminal import escaped_output, log_to_terminal


def test_printed_texts_send_no_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with escaped_output():
        print("\x1b[31mred", end="\n", flush=True)
        assert sys.stdout.isatty() is False
    assert capsys.readouterr().out == "\\x1b[31mred\n"


def test_the_log_sends_no_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = logging.StreamHandler(io.StringIO())
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    log_to_terminal()
    logging.getLogger("selfvid.x").warning("left out: %s", "\x1b[2J.mp4")
    assert handler.stream.getvalue() == "left out: \\x1b[2J.mp4\n"
