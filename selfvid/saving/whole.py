"""Writing files completely or not at all, and checking that the disk has room for them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfvid.errors import InputError
from selfvid.saving.full_disk import writing


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Context manager for a draft that replaces `path` at the end, and is deleted after an error.

    The draft is next to `path` and has the same suffix, because some writers choose their format
    by the suffix.

    Raises:
        InputError: If the folder of `path` does not exist, or the disk is full.
    """
    if not path.parent.is_dir():
        raise InputError(
            f"folder {str(path.parent)!r} does not exist; expected it, for {path.name}"
        )
    draft = path.with_name(f".{path.stem}.{os.getpid()}.draft{path.suffix}")
    try:
        with writing(path):
            yield draft
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> Path:
    r"""Write a text (as UTF-8) or bytes to `path`, completely or not at all.

    Bytes of a file name that are not UTF-8 are written as escapes, such as "caf\udce9.mp4".
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    with replacing(path) as draft:
        draft.write_bytes(data)
    return path


def format_bytes(size: float) -> str:
    """Return a number of bytes as text, in MB or GB."""
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"


def format_seconds(seconds: float) -> str:
    """Return a duration as text, in seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def require_disk_space(needed: float, folder: Path, *, what: str, expected: str) -> int:
    """Check that the disk of `folder` has room, and return its number of free bytes.

    Args:
        needed: number of bytes that will be written.
        folder: an existing folder.
        what: a plural noun for what will be written, for the error message.
        expected: what the user can do if there is no room, for the error message.

    Raises:
        InputError: If fewer bytes are free than needed.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{what} take about {format_bytes(needed)} and {str(folder)!r} has "
            f"{format_bytes(free)} free; expected {expected}"
        )
    return free
