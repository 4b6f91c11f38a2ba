"""Writing a result to a folder: a result of the same kind is replaced, other files are kept."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from selfvid.errors import InputError
from selfvid.saving.whole import write_whole
from selfvid.statistics.intervals import Interval

RESULT = "result.json"
"""The name of the file that a command writes its result to, after all its other files."""

UNFINISHED = "unfinished.txt"
"""The name of the file that says which command has not yet written all its files."""


def check_folder(
    folder: Path, *, kind: str, files: tuple[str, ...] = (), called: str | None = None
) -> None:
    """Check that a result may be written to `folder` without overwriting other files.

    Args:
        folder: the folder; it need not exist.
        kind: the kind of the result, which its file states.
        files: names of the files that will be written next to the result.
        called: name of the kind in the error message; by default `kind` itself.

    Raises:
        InputError: If `folder` is a file, or contains files with these names but no result of
            this kind.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"out is {str(folder)!r}, a file; expected a folder")
    if kind in (kind_of(folder / RESULT), _unfinished_kind(folder)):
        return
    for name in (RESULT, *files):
        if (folder / name).exists():
            raise InputError(
                f"out {str(folder)!r} holds a {name} that no {called or kind} left there; "
                "expected another folder"
            )


@contextmanager
def writing_files(folder: Path, *, kind: str) -> Iterator[None]:
    """Context manager around the writing of a result and the files beside it.

    A former result is removed first, so that it is never beside newer files. If the command is
    killed before the end, a note says whose files these are, so that it can be run again.

    Args:
        folder: the folder of the result, which is made.
        kind: the kind of the result.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note = write_whole(folder / UNFINISHED, f"{kind}\n")
    (folder / RESULT).unlink(missing_ok=True)
    yield
    note.unlink()


def _unfinished_kind(folder: Path) -> str | None:
    note = folder / UNFINISHED
    return note.read_text(encoding="utf-8").strip() if note.is_file() else None


def kind_of(path: Path) -> str | None:
    """Return the kind that a result's file states, or None if it is not a result."""
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("kind")
    except (OSError, ValueError, AttributeError):
        return None


def write_result(
    result: Any, path: Path, *, kind: str, without: tuple[str, ...] = ("path",)
) -> Path:
    """Write a result as JSON, completely or not at all; numbers that are not finite are null.

    Args:
        result: the result, a dataclass.
        path: the file to write.
        kind: the kind of the result, which the file states.
        without: names of fields that are not written.
    """
    fields = {
        field.name: getattr(result, field.name)
        for field in dataclasses.fields(result)
        if field.name not in without
    }
    text = json.dumps(plain({"kind": kind, **fields}), indent=1, allow_nan=False)
    return write_whole(path, text + "\n")


def plain(value: Any) -> Any:
    """Return `value` as JSON can represent it: intervals by name, arrays as lists, NaN as null."""
    if isinstance(value, Interval):
        return plain(value._asdict())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
