"""Writing files and folders completely or not at all, and checking that the disk has room."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfvid.errors import InputError
from selfvid.saving.full_disk import writing

_DRAFT = re.compile(r"\..*\.(?P<machine>[^.]+)\.(?P<process>\d+)\.draft(\.\w+)?")
_MACHINE = re.sub(r"\W+", "-", platform.node()) or "machine"
_LONGEST_STEM = 80  # characters: a file's whole name may have 255 bytes
_FORGOTTEN = 24 * 3600.0  # seconds after which nobody is writing a draft any more


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Context manager for a draft that replaces `path` at the end, and is deleted after an error.

    The draft, a file or a folder, is next to `path` and has the same suffix, because some writers
    choose their format by the suffix. It is on the disk before it replaces `path`, so a power cut
    leaves one or the other. Drafts that killed processes left beside it are deleted.

    Raises:
        InputError: If the folder of `path` does not exist, or the disk is full.
    """
    if not path.parent.is_dir():
        raise InputError(
            f"folder {str(path.parent)!r} does not exist; expected it, for {path.name}"
        )
    _delete_forgotten(path.parent.absolute())
    draft = _draft_of(path)
    try:
        with writing(path):
            yield draft
            for each in (*draft.rglob("*"), draft):
                to_disk(each)
            if path.is_dir():  # a folder cannot replace one with files in it
                former = _draft_of(path.with_name(f"{path.name}-former"))
                path.replace(former)
                draft.replace(path)
                _delete(former)
            else:
                draft.replace(path)
            to_disk(path.parent)
    finally:
        _delete(draft)


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """Context manager for a folder of drafts inside `folder`, which is deleted at the end.

    Scratch folders that killed processes left in `folder` are deleted too.
    """
    _delete_forgotten(folder.absolute())
    scratch = _draft_of(folder / "scratch")
    scratch.mkdir()
    try:
        yield scratch
    finally:
        _delete(scratch)


def write_whole(path: Path, content: str | bytes) -> Path:
    r"""Write a text (as UTF-8) or bytes to `path`, completely or not at all.

    Bytes of a file name that are not UTF-8 are written as escapes, such as "caf\udce9.mp4".
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    with replacing(path) as draft:
        draft.write_bytes(data)
    return path


def to_disk(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, would outlast a power cut."""
    if path.is_dir() and os.name != "posix":
        return  # only POSIX systems can open folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems cannot do it for folders
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_draft(path: Path) -> bool:
    """Whether a file or folder is a draft of `replacing`, by its name."""
    return _DRAFT.fullmatch(path.name) is not None


def _draft_of(path: Path) -> Path:
    return path.with_name(
        f".{path.stem[:_LONGEST_STEM]}.{_MACHINE}.{os.getpid()}.draft{path.suffix}"
    )


@functools.cache
def _delete_forgotten(folder: Path) -> None:
    """Delete the drafts that ended processes left in a folder; once for each (absolute) folder."""
    for path in folder.iterdir():
        found = _DRAFT.fullmatch(path.name)
        if found is not None and _is_forgotten(path, found["machine"], int(found["process"])):
            _delete(path)


def _is_forgotten(path: Path, machine: str, process: int) -> bool:
    if machine == _MACHINE and process != os.getpid() and not _is_running(process):
        return True
    with contextlib.suppress(FileNotFoundError):  # its owner has just finished it
        return time.time() - path.stat().st_mtime > _FORGOTTEN
    return False


def _is_running(process: int) -> bool:
    if os.name != "posix":
        return True  # asking would end the process there
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def format_bytes(size: float) -> str:
    """Return a number of bytes as text, in MB or GB."""
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"


def format_seconds(seconds: float) -> str:
    """Return a duration as text, in seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def require_disk_space(needed: float, folder: Path, *, what: str, expected: str) -> int:
    """Check that the disk of `folder` has room, and return its number of free bytes.

    Args:
        needed: number of bytes that will be written.
        folder: an existing folder.
        what: a plural noun for what will be written, for the error message.
        expected: what the user can do if there is no room, for the error message.

    Raises:
        InputError: If fewer bytes are free than needed.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{what} take about {format_bytes(needed)} and {str(folder)!r} has "
            f"{format_bytes(free)} free; expected {expected}"
        )
    return free
