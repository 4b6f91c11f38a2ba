"""A full disk, said in one line that names the file and the free space."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfvid.errors import InputError

_NUMBERS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.EFBIG: "the file may not become so large here",
}
# Libraries that report the system's error as text: safetensors, torch, NumPy.
_TEXTS = (
    (re.compile(r"no space left on device|os error 28\b", re.IGNORECASE), errno.ENOSPC),
    (re.compile(r"quota exceeded|os error 122\b", re.IGNORECASE), errno.EDQUOT),
    (re.compile(r"file too large|os error 27\b", re.IGNORECASE), errno.EFBIG),
    (re.compile(r"^\d+ requested and \d+ written$"), errno.ENOSPC),
)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Context manager around the writing of a file or folder, which says if the disk is full.

    Raises:
        InputError: If an error inside says that the disk is full; other errors pass.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        cause = full_disk(error)
        if cause is None:
            raise
        raise InputError(no_room(path, cause)) from error


def full_disk(error: BaseException) -> str | None:
    """Return in words how an error says that a disk is full; None if it says something else."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        number = each.errno if isinstance(each, OSError) else None
        if number in _NUMBERS:
            return _NUMBERS[number]
        for pattern, meaning in _TEXTS:
            if pattern.search(str(each)):
                return _NUMBERS[meaning]
        each = each.__cause__ or each.__context__
    return None


def no_room(path: Path, cause: str) -> str:
    """Return one line about a file that found no room, with the free space around it."""
    folder = path.absolute()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return (
        f"{str(path)!r} cannot be written: {cause} ({free / 1e6:,.1f} MB free); "
        "expected more room there, or another place"
    )
