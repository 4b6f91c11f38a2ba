"""Folders of files that are named as videos, for tests that open none of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from selfvid.data.indexing.layouts import Entry


def tree(root: Path, *names: str) -> Path:
    """Write small files below `root`, each with other bytes."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"content of " + name.encode())
    return root


def names(entries: Iterable[Entry]) -> list[str]:
    """Return the name of each entry."""
    return [entry.name for entry in entries]


def described(entries: Iterable[Entry]) -> list[tuple[str, str, str, str]]:
    """Return name, label, split and group of each entry."""
    return [(entry.name, entry.label, entry.split, entry.group) for entry in entries]
