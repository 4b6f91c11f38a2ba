"""What looking at one video found out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The measured part of a manifest's row; see `Row` for what each field holds.

    `error` says in words what is wrong with the video, "" where nothing is.
    """

    video: str = ""
    error: str = ""
    frames: int = 0
    rate: float = 0.0
    width: int = 0
    height: int = 0
    duration: float = 0.0
    bytes: int = 0
    modified: float = 0.0
    codec: str = ""
    decoder: str = ""
    timestamps: bool = False
    look: str = ""
