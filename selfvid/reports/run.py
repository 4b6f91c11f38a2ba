"""Reading what a run left, whole or damaged, without trusting it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from selfvid.errors import InputError

LARGEST_PICTURE = 4_000_000  # bytes; a page is to be mailed
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Files that make a folder a run.
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
    """Reads a run's files and notes those that are damaged.

    Args:
        folder: the run's folder.

    Attributes:
        folder: the run's folder.
        notes: one line for each file that is there and cannot be used.

    Raises:
        InputError: where the folder is not there or holds nothing of a run.
    """

    def __init__(self, folder: Path) -> None:
        if not any((folder / trace).exists() for trace in TRACES):
            raise InputError(
                f"{str(folder)!r} is no run; expected a folder with one of {', '.join(TRACES)}"
            )
        self.folder = folder
        self.notes: list[str] = []

    def section(self, file: str, make: Callable[[Any], Made]) -> Made | None:
        """What `make` makes of a JSON file; None where it is absent, or damaged and noted."""
        path = self.folder / file
        if not path.is_file():
            return None
        try:
            return make(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            # Whatever a file that somebody else wrote lacks, it lacks it as one of these.
            self._note(file, error)
            return None

    def history(self) -> list[dict[str, float]]:
        """Logged steps with the numbers of each; lines that are damaged are noted and left out."""
        path = self.folder / "history.jsonl"
        if not path.is_file():
            return []
        kept, lost = [], 0
        for line in path.read_bytes().splitlines():
            try:
                numbers = {key: float(value) for key, value in json.loads(line).items()}
            except (ValueError, TypeError, AttributeError):
                lost += 1
                continue
            if "step" in numbers:
                kept.append(numbers)
        if lost:
            self.notes.append(f"history.jsonl: {lost} damaged lines were left out")
        return kept

    def pictures(self) -> list[tuple[str, bytes]]:
        """Name and PNG of the latest preview of each kind."""
        latest: dict[str, Path] = {}
        for path in sorted((self.folder / "pictures").glob("*.png")):
            latest[path.stem.rpartition("-")[0] or path.stem] = path
        found = []
        for path in latest.values():
            data = self.picture(f"pictures/{path.name}")
            if data is not None:
                found.append((path.stem, data))
        return found

    def picture(self, file: str) -> bytes | None:
        """A PNG file; None where it is absent, or damaged and noted."""
        path = self.folder / file
        if not path.is_file():
            return None
        data = path.read_bytes()
        if data.startswith(PNG_SIGNATURE) and len(data) <= LARGEST_PICTURE:
            return data
        self.notes.append(f"{file}: no PNG, or too large to embed")
        return None

    def text(self, file: str) -> str:
        """A text file, empty where it is absent; what is no UTF-8 in it is replaced."""
        path = self.folder / file
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def _note(self, file: str, error: Exception) -> None:
        cause = (str(error).splitlines() or [""])[0]
        self.notes.append(
            f"{file}: not as selfvid writes it ({type(error).__name__}: {cause}), so left out"
        )
