"""One process owns a run: another one that would write to the same folder is refused."""

from __future__ import annotations

import errno
import os
import weakref
from pathlib import Path
from typing import IO

from selfvid.errors import InputError
from selfvid.training.run_folder import LOCK, RunFolder

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_TAKEN = (errno.EACCES, errno.EAGAIN)  # errors of a lock that another process holds


def own(run: RunFolder) -> None:
    """Lock the folder of a run for this process, until `run` is forgotten or the process ends.

    The system takes the lock away from a process that dies, and processes that it started do not
    inherit it. Where the system or the file system has no locks, nothing is checked.

    Args:
        run: the run; its folder exists.

    Raises:
        InputError: If another process holds the lock.
    """
    if fcntl is None:
        return
    path = run.path / LOCK
    while True:
        file = path.open("a")
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            if error.errno not in _TAKEN:
                return
            raise InputError(
                f"another process is writing the run in {str(run.path)!r}; expected it to have "
                "ended, or another out"
            ) from None
        if _is_at(path, file):
            break
        file.close()  # its former owner deleted it after it was opened here
    weakref.finalize(run, _give_back, file, path, os.getpid())


def _is_at(path: Path, file: IO[str]) -> bool:
    """Whether an open file is still the one at `path`."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _give_back(file: IO[str], path: Path, process: int) -> None:
    if os.getpid() == process:  # a forked loading process has a copy of everything
        path.unlink(missing_ok=True)
    file.close()
