"""Interrupting this process before one of its file operations."""

from __future__ import annotations

import errno
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Fault = Literal["kill", "signal", "full"]
FAULTS: tuple[Fault, ...] = ("kill", "signal", "full")

_NEEDS_ROOM = ("open", "os.mkdir")
_CHANGES = (*_NEEDS_ROOM, "os.rename", "os.remove", "os.rmdir")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND


@dataclass
class Interruption:
    """Counts the changes that this process makes to files in a folder, and comes before one.

    Python tells audit hooks of every file that it opens and of every change of a folder, before it
    happens. What libraries in other languages do is not told; they write drafts, which Python
    renames.

    Args:
        folder: changes outside this folder are not counted.
        at: the number of the change, from 1, before which the interruption comes; 0 for never.
        fault: "kill" ends the process as SIGKILL does, "signal" sends SIGTERM, and with "full" the
            disk has no room from then on.

    Attributes:
        changes: what was counted.
    """

    folder: Path
    at: int
    fault: Fault

    def __post_init__(self) -> None:
        self.changes: list[str] = []
        self.process = os.getpid()

    def begin(self) -> None:
        """Count from now on. An audit hook stays until the process ends."""
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _CHANGES or os.getpid() != self.process:
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITES):
            return
        if isinstance(arguments[0], int):  # an open file
            return
        path = Path(os.path.abspath(os.fsdecode(arguments[0])))  # noqa: PTH100 (no symlinks)
        if not path.is_relative_to(self.folder):
            return
        self.changes.append(f"{event} {path.relative_to(self.folder)}")
        count = len(self.changes)
        if self.fault == "full" and 0 < self.at <= count and event in _NEEDS_ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.fault != "full" and count == self.at:
            os.kill(self.process, signal.SIGKILL if self.fault == "kill" else signal.SIGTERM)
