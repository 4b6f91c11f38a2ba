"""A result's folder: our own result in it is replaced, anybody else's is left alone."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from selfvid.errors import InputError
from selfvid.saving.whole import write_whole
from selfvid.statistics.intervals import Interval

RESULT = "result.json"


def check_folder(
    folder: Path, *, kind: str, files: tuple[str, ...] = (), called: str | None = None
) -> None:
    """Check that a result may be written to `folder`.

    Args:
        folder: need not exist.
        kind: of the result, as its file says.
        files: names that will be written beside it.
        called: how a message names the kind; by default as it is.

    Raises:
        InputError: where `folder` is a file, or holds files of these names and no result of
            this kind.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"out is {str(folder)!r}, a file; expected a folder")
    if kind_of(folder / RESULT) == kind:
        return
    for name in (RESULT, *files):
        if (folder / name).exists():
            raise InputError(
                f"out {str(folder)!r} holds a {name} that no {called or kind} left there; "
                "expected another folder"
            )


def kind_of(path: Path) -> str | None:
    """The kind that a result's file states; None where it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("kind")
    except (OSError, ValueError, AttributeError):
        return None


def write_result(
    result: Any, path: Path, *, kind: str, without: tuple[str, ...] = ("path",)
) -> Path:
    """Write a result, a dataclass, as JSON, whole or not at all; unknown numbers are null.

    Args:
        result: what was found.
        path: the file.
        kind: of the result, which the file states.
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
    """`value` as JSON can hold it: intervals by name, arrays as lists, NaN as null."""
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
