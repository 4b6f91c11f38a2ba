"""Annotation files that tests write, and what was read from them."""

from __future__ import annotations

from pathlib import Path

from selfvid.data.annotations.annotations import Annotations

HEAD = "video,start,end,label"


def table(folder: Path, *lines: str, head: str = HEAD) -> Path:
    path = folder / "activities.csv"
    path.write_text("\n".join((head, *lines)) + "\n")
    return path


def spans(annotations: Annotations) -> list[tuple[float, float, str]]:
    return [(a.start, a.end, a.label) for video in annotations.videos for a in video.activities]
