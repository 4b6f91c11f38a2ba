"""Time and disk in words, and the refusal of what the disk cannot hold."""

from __future__ import annotations

import shutil
from pathlib import Path

from selfvid.errors import InputError


def told_bytes(size: float) -> str:
    """As a person reads it."""
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"


def told_seconds(seconds: float) -> str:
    """As a person reads it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def require_room(needed: float, folder: Path, *, what: str, expected: str) -> int:
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
            f"{what} take about {told_bytes(needed)} and {str(folder)!r} has {told_bytes(free)} "
            f"free; expected {expected}"
        )
    return free
