"""Whether the files of a manifest are still those that were indexed, checked where they are opened.

A manifest describes each file by its content id, its size and the time of its last change. A file
whose size and time agree is taken to be the same. One whose time alone differs is hashed again: a
copy of the data set has other times and the same content. Everything that is kept under a content
id, such as decoded frames, features or flow, is therefore made of that very content.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.files import content_id, frame_images
from selfvid.data.video.reader import DecodeError

_CONTENT_ID = re.compile(r"[0-9a-f]{16}")  # as `content_id` makes them
_KNOWN = 2**17  # hashed files that a process remembers, so that each is hashed once


@dataclass(frozen=True)
class _Look:
    """The size and the last change of a file, or of the images of a folder together."""

    bytes: int
    modified: float


def unchanged_path(manifest: Manifest, row: Row) -> Path:
    """Return the path of a row's video, after checking that it is the file that was indexed.

    Every reader of a manifest's videos takes their paths from here.

    Raises:
        DecodeError: If the file is missing or has changed.
    """
    path = manifest.path_of(row)
    check_unchanged(path, row)
    return path


def check_unchanged(path: Path, row: Row) -> None:
    """Check that a file is the one that a row describes.

    Raises:
        DecodeError: If it is missing or has changed.
    """
    words = _difference(path, row)
    if words:
        raise DecodeError(str(path), words)


def differences(manifest: Manifest) -> list[str]:
    """Return for each row in words how its file differs from it, or "".

    What is kept about all rows together has these words in its key, so that it is not used again
    after the files were put right.
    """
    return [_difference(manifest.path_of(row), row) for row in manifest.rows]


def _difference(path: Path, row: Row) -> str:
    """Return in words how a file differs from its row, or ""."""
    try:
        now = _look(path)
        if row.bytes and now.bytes != row.bytes:
            return (
                f"has {now.bytes} bytes and the manifest says {row.bytes}; expected the file that "
                "was indexed, or run selfvid index again"
            )
        known = bool(row.bytes) and now.modified == row.modified
        if known or not _CONTENT_ID.fullmatch(row.video):
            return ""
        content = _content(str(path), now)
    except FileNotFoundError:
        return "does not exist any more"
    except OSError as error:
        return f"cannot be opened: {error.strerror or error}"
    if content != row.video:
        return (
            f"has other content ({content}) than the manifest says ({row.video}); expected the "
            "file that was indexed, or run selfvid index again"
        )
    return ""


def _look(path: Path) -> _Look:
    found = [file.stat() for file in frame_images(path)]
    if not all(stat.S_ISREG(one.st_mode) for one in found):
        raise OSError(0, "not a regular file")
    return _Look(
        sum(one.st_size for one in found), max((one.st_mtime for one in found), default=0.0)
    )


@lru_cache(maxsize=_KNOWN)
def _content(path: str, look: _Look) -> str:
    """Return the content id of a file; `look` is part of the key, so a change is hashed again."""
    del look
    return content_id(Path(path))
