"""One process owns a run: another one that would write to the same folder is refused."""

from __future__ import annotations

import errno
import os
import weakref

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
    inherit it. The file that is locked stays in the folder: deleting it would let two processes
    lock two files of its name. Where the system or the file system has no locks, nothing is
    checked.

    Args:
        run: the run; its folder exists.

    Raises:
        InputError: If another process holds the lock.
    """
    if fcntl is None:
        return
    descriptor = os.open(run.path / LOCK, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno not in _TAKEN:
            return
        raise InputError(
            f"another process is writing the run in {str(run.path)!r}; expected it to have ended, "
            "or another out"
        ) from None
    weakref.finalize(run, os.close, descriptor)
