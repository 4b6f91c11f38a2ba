"""Find the videos below a folder: video and sound files, and folders of frame images."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from selfvid.data.video.files import (
    AUDIO_SUFFIXES,
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    is_hidden,
    natural,
)
from selfvid.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One video or segment that is to be indexed.

    Attributes:
        path: absolute path of a file or of a folder of frame images.
        name: the path relative to the folder of the footage, or as a list writes it; "/" between
            parts.
        label: what the video shows, or "".
        split: "train", "test", "val" or "".
        group: name of the group that must stay on one side of a split, or "".
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
    """The videos below a folder.

    Attributes:
        entries: the videos in natural order of their names.
        ignored: number of files that are neither videos, frames of a video nor sound.
    """

    entries: tuple[Entry, ...]
    ignored: int


def read_tree(folder: Path) -> Tree:
    """Return every video below `folder`: files by suffix, and folders of frame images.

    A folder that directly contains two or more images and no video is one video, with its frames
    in natural order. Names that begin with a dot are ignored.

    Raises:
        InputError: If the folder is missing, is not a folder or contains no video at all.
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
            f"footage {str(folder)!r} contains no video ({ignored} other files); "
            "expected files such as .mp4, .avi, .mkv, or folders of frame images"
        )
    return Tree(tuple(sorted(entries, key=lambda entry: natural(entry.name))), ignored)


def parent_label(entry: Entry) -> str:
    """Return the name of the folder that contains the video, or "" at the top of the footage."""
    return entry.name.split("/")[-2] if "/" in entry.name else ""


def _walk(folder: Path) -> Iterable[tuple[Path, list[str]]]:
    """Yield folders and their files. Links are followed, but no folder is entered twice."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        yield Path(place), [name for name in files if not is_hidden(name)]


def _suffix(name: str) -> str:
    return PurePath(name).suffix.lower()


def _entry(path: Path, folder: Path) -> Entry:
    name = path.relative_to(folder).as_posix()
    return Entry(path=path.absolute(), name=path.name if name == "." else name)
