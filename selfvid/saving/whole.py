"""Files that are there whole or as they were before, whatever happens while they are written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfvid.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft beside `path` that takes its place at the end, or leaves no trace after an error.

    The draft keeps the suffix, by which some writers choose a format.

    Raises:
        InputError: where the folder that should hold it does not exist.
    """
    if not path.parent.is_dir():
        raise InputError(
            f"folder {str(path.parent)!r} does not exist; expected it to hold {path.name}"
        )
    draft = path.with_name(f".{path.stem}.{os.getpid()}.draft{path.suffix}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write a text (UTF-8) or bytes to `path`."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    with replacing(path) as draft:
        draft.write_bytes(data)
    return path


def format_bytes(size: float) -> str:
    """As a person reads it."""
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"


def format_seconds(seconds: float) -> str:
    """As a person reads it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def require_disk_space(needed: float, folder: Path, *, what: str, expected: str) -> int:
    """Bytes that are free on the disk of `folder`.

    Args:
        needed: bytes that will be written there.
        folder: exists.
        what: will be written, in words; several of it.
        expected: what to do where there is no room.

    Raises:
        InputError: where there are fewer than needed.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{what} take about {format_bytes(needed)} and {str(folder)!r} has "
            f"{format_bytes(free)} free; expected {expected}"
        )
    return free
