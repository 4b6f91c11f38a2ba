"""Files that are there whole or as they were before, whatever happens while they are written."""

from __future__ import annotations

import os
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
