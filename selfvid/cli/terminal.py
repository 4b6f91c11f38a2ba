"""What the command line prints: lines without codes that a terminal would obey."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from selfvid.saving.printable import escaped


@contextlib.contextmanager
def escaped_output() -> Iterator[None]:
    """Context manager in which names of files cannot send codes to the terminal.

    This holds for standard output and for the log. Progress bars, which consist of codes and
    contain no names, are written to standard error as they are.
    """
    with contextlib.redirect_stdout(_Escaping(sys.stdout)):
        yield


def log_to_terminal() -> None:
    """Print the package's log on standard error."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_EscapingFormatter("%(message)s"))
    logging.getLogger("selfvid").setLevel(logging.INFO)


class _EscapingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return escaped(super().format(record))


class _Escaping(io.TextIOBase):
    """A stream that escapes codes in texts before it passes them on.

    Args:
        stream: where the texts go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(escaped(text))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
