"""Where footage lies: folder trees and folders of frame images, as entries to be indexed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from selfvid.data.video.files import AUDIO_SUFFIXES, IMAGE_SUFFIXES, VIDEO_SUFFIXES
from selfvid.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One video or segment that somebody asked to index.

    Attributes:
        path: absolute path of a file or of a folder of frame images.
        name: the path as the footage tells it, relative to its folder, with "/" between parts.
        label: what it shows, or "".
        split: "train", "test", "val" or "".
        group: what it must not be separated from, or "".
        start: first second of the segment, or None.
        end: last second of the segment, or None.
        columns: further columns, by name.
    """

    path: Path
    name: str
    label: str = ""
    split: str = ""
    group: str = ""
    start: float | None = None
    end: float | None = None
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tree:
    """What a folder holds.

    Attributes:
        entries: its videos, in natural order of their names.
        ignored: how many files are neither videos, frames of a video nor sound.
    """

    entries: tuple[Entry, ...]
    ignored: int


def read_tree(folder: Path) -> Tree:
    """Every video below `folder`: files by suffix, and folders of frame images.

    A folder that directly holds two or more images and no video is one video, its frames in
    natural order. Names that begin with a dot are passed over.

    Raises:
        InputError: where the folder is missing, is no folder or holds no video at all.
    """
    if not folder.is_dir():
        raise InputError(f"footage {str(folder)!r} does not exist; expected a folder of videos")
    entries: list[Entry] = []
    ignored = 0
    for place, files in _walk(folder):
        media = [name for name in files if _suffix(name) in VIDEO_SUFFIXES | AUDIO_SUFFIXES]
        images = [name for name in files if _suffix(name) in IMAGE_SUFFIXES]
        ignored += len(files) - len(media)
        entries += [_entry(place / name, folder) for name in media]
        if len(images) >= 2 and not any(_suffix(name) in VIDEO_SUFFIXES for name in media):
            entries.append(_entry(place, folder))
            ignored -= len(images)
    if not entries:
        raise InputError(
            f"footage {str(folder)!r} holds no video ({ignored} other files); "
            "expected files such as .mp4, .avi, .mkv, or folders of frame images"
        )
    return Tree(tuple(sorted(entries, key=lambda entry: natural(entry.name))), ignored)


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts frame9 before frame10."""
    pieces = re.split(r"(\d+)", name)
    return [(int(piece), "") if place % 2 else (0, piece) for place, piece in enumerate(pieces)]


def parent_label(entry: Entry) -> str:
    """The name of the folder that the video lies in, "" at the top of the footage."""
    return entry.name.split("/")[-2] if "/" in entry.name else ""


def _walk(folder: Path) -> Iterable[tuple[Path, list[str]]]:
    """Folders and their files. Links are followed, but no folder is entered twice."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield Path(place), [name for name in files if not name.startswith(".")]


def _suffix(name: str) -> str:
    return PurePath(name).suffix.lower()


def _entry(path: Path, folder: Path) -> Entry:
    name = path.relative_to(folder).as_posix()
    return Entry(path=path.absolute(), name=path.name if name == "." else name)
