"""A result's folder: our own result in it is replaced, anybody else's is left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from selfvid.errors import InputError
from selfvid.evaluation.result import plain
from selfvid.whole import write_whole

RESULT = "result.json"


def check_folder(folder: Path, *, kind: str, files: tuple[str, ...]) -> None:
    """Check that a result may be written to `folder`.

    Args:
        folder: need not exist.
        kind: of the result, as its file says.
        files: names that will be written beside it.

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
                f"out {str(folder)!r} holds a {name} that no {kind} left there; "
                "expected another folder"
            )


def kind_of(path: Path) -> str | None:
    """The kind that a result's file states; None where it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("kind")
    except (OSError, ValueError, AttributeError):
        return None


def write_result(path: Path, *, kind: str, fields: dict[str, Any]) -> Path:
    """Write a result as JSON, whole or not at all; unknown numbers are null."""
    text = json.dumps(plain({"kind": kind, **fields}), indent=1, allow_nan=False)
    return write_whole(path, text + "\n")
