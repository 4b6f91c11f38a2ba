"""Reading the files of a run, which may be missing, damaged or hostile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from selfvid.errors import InputError

LARGEST_PICTURE = 4_000_000  # bytes: the page must be small enough for an e-mail
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A folder is a run if it has one of these.
TRACES = (
    "recipe.yaml",
    "summary.json",
    "history.jsonl",
    "probe/result.json",
    "encoder",
    "result.json",
)

Made = TypeVar("Made")


class RunReader:
    """Reads the files of a run, and notes those that are damaged.

    Args:
        folder: the run's folder.

    Attributes:
        folder: the run's folder.
        notes: one line for each file that exists and cannot be used.

    Raises:
        InputError: If the folder does not exist, or has no file of a run.
    """

    def __init__(self, folder: Path) -> None:
        if not any((folder / trace).exists() for trace in TRACES):
            raise InputError(
                f"{str(folder)!r} is no run; expected a folder with one of {', '.join(TRACES)}"
            )
        self.folder = folder
        self.notes: list[str] = []

    def section(self, file: str, make: Callable[[Any], Made]) -> Made | None:
        """Apply `make` to the content of a JSON file; None if it is missing or damaged."""
        path = self.folder / file
        if not path.is_file():
            return None
        try:
            return make(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            # Whatever is missing in a file or has another type raises one of these.
            self._note(file, error)
            return None

    def history(self) -> list[dict[str, float]]:
        """Return the numbers of each logged step; damaged lines are noted and left out."""
        path = self.folder / "history.jsonl"
        if not path.is_file():
            return []
        steps, damaged = [], 0
        for line in path.read_bytes().splitlines():
            try:
                numbers = {key: float(value) for key, value in json.loads(line).items()}
            except (ValueError, TypeError, AttributeError):
                damaged += 1
                continue
            if "step" in numbers:
                steps.append(numbers)
        if damaged:
            self.notes.append(f"history.jsonl: {damaged} damaged lines were left out")
        return steps

    def pictures(self) -> list[tuple[str, bytes]]:
        """Return the name and the PNG of the latest preview of each kind."""
        latest: dict[str, Path] = {}
        for path in sorted((self.folder / "pictures").glob("*.png")):
            latest[path.stem.rpartition("-")[0] or path.stem] = path  # names are KIND-STEP.png
        pictures = []
        for path in latest.values():
            data = self.picture(f"pictures/{path.name}")
            if data is not None:
                pictures.append((path.stem, data))
        return pictures

    def picture(self, file: str) -> bytes | None:
        """Return a PNG file; None if it is missing, damaged or too large."""
        path = self.folder / file
        if not path.is_file():
            return None
        data = path.read_bytes()
        if data.startswith(PNG_SIGNATURE) and len(data) <= LARGEST_PICTURE:
            return data
        self.notes.append(f"{file}: no PNG, or too large to embed")
        return None

    def text(self, file: str) -> str:
        """Return a text file; empty if it is missing. Bytes that are not UTF-8 are replaced."""
        path = self.folder / file
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def _note(self, file: str, error: Exception) -> None:
        cause = (str(error).splitlines() or [""])[0]
        self.notes.append(
            f"{file}: not as selfvid writes it ({type(error).__name__}: {cause}), so left out"
        )
