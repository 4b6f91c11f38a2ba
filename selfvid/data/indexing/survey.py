"""Survey at many files in guarded children, reading only what is not known yet."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from selfvid.data.indexing.layouts import Entry
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.manifest.rows import Finding
from selfvid.data.manifest.tables import read_table
from selfvid.data.video.files import IMAGE_SUFFIXES
from selfvid.data.video.guard import Answer, guarded_calls
from selfvid.errors import InputError

# These may end otherwise on another day, so they are tried again.
_PASSING = ("timed out", "reader died", "not found")


class EarlierManifest:
    """The rows of an earlier manifest, and of the draft that an interrupted index left.

    Args:
        out: the earlier manifest, there or not.
        draft: the draft, there or not.

    Raises:
        InputError: where one of them is there and is no manifest.
    """

    def __init__(self, out: Path, draft: Path) -> None:
        self._output = out
        self._rows = _rows(out)
        self._measured = dict(self._rows + _rows(draft))

    def finding(self, path: Path, now: Finding, *, decoder: str) -> Finding | None:
        """What was measured of a file, or None where it has to be read (again).

        Args:
            path: the file.
            now: its size and time of change as they are now.
            decoder: which decoder the measurement must come from, or "auto".
        """
        row = self._measured.get(path)
        if row is None or not row.video or row.error.startswith(_PASSING):
            return None
        if (row.bytes, row.modified) != (now.bytes, now.modified):
            return None
        if decoder not in ("auto", row.decoder) and row.decoder != "images":
            return None
        names = [entry.name for entry in dataclasses.fields(Finding)]
        earlier = Finding(**{name: getattr(row, name) for name in names})
        # Whether a row is a duplicate depends on the other rows and is decided afresh.
        return earlier if row.status == "bad" else replace(earlier, error="")

    def keep_edits(self, entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], int]:
        """The entries with what the earlier manifest says where they say nothing.

        That is labels, splits, groups, further columns, and the segments of a video that is
        given whole.

        Returns:
            The entries, and how many earlier rows are dropped because their file is gone.

        Raises:
            InputError: where the earlier manifest has other footage, whose rows would be lost.
        """
        earlier: dict[Path, list[Row]] = {}
        for path, row in self._rows:
            earlier.setdefault(path, []).append(row)
        others = set(earlier) - {entry.path for entry in entries}
        lost = [path for path in others if path.exists()]
        if lost:
            raise InputError(
                f"out {str(self._output)!r} also holds {len(lost)} videos that are not in this "
                f"footage, such as {str(min(lost))!r}; expected the same footage or another out"
            )
        kept: list[Entry] = []
        for entry in entries:
            rows = earlier.get(entry.path, [])
            segment = (entry.start, entry.end)
            if segment != (None, None):
                rows = [row for row in rows if (row.start, row.end) == segment]
            kept += [_edited(entry, row) for row in rows] or [entry]
        return tuple(kept), sum(len(earlier[path]) for path in others)


def _edited(entry: Entry, row: Row) -> Entry:
    return replace(
        entry,
        label=entry.label or row.label,
        split=entry.split or row.split,
        group=entry.group or row.group,
        start=row.start,
        end=row.end,
        columns=row.columns | entry.columns,
    )


def _rows(path: Path) -> list[tuple[Path, Row]]:
    if not path.exists():
        return []
    if not path.is_file() or not {"path", "video", "status"} <= set(read_table(path).columns):
        raise InputError(
            f"out {str(path)!r} exists and is no manifest of selfvid index; "
            "expected a new file or such a manifest"
        )
    manifest = Manifest.read(path)
    return [(manifest.path_of(row), row) for row in manifest.rows]


DecoderName = Literal["auto", "decord", "pyav"]
Findings = dict[Path, Finding]

_SAVE_EVERY = 30.0  # seconds between two drafts


@dataclass(frozen=True, kw_only=True)
class Survey:
    """How files are to be looked at.

    Attributes:
        decoder: "decord", "pyav", or "auto" for whichever reads the file.
        timeout: seconds after which a file is given up.
        workers: children at a time.
        quiet: show no progress.
        inspector: the function that children call, as "module:name".
    """

    decoder: DecoderName = "auto"
    timeout: float = 60.0
    workers: int = 1
    quiet: bool = False
    inspector: str = "selfvid.data.indexing.inspect:inspect_video"


def survey(
    paths: Sequence[Path],
    how: Survey,
    *,
    known: EarlierManifest | None,
    save: Callable[[Findings], None],
) -> tuple[Findings, int]:
    """Find out about every path.

    Args:
        paths: files and folders of frame images, each once.
        how: the settings.
        known: an earlier manifest, whose measurements of unchanged files are taken over.
        save: called with what is known so far, now and then and when the survey is cut short.

    Returns:
        A finding for every path, and how many of them were taken over.
    """
    findings: Findings = {}
    unread: Findings = {}
    taken_over = 0
    for path in paths:
        blank = _blank(path)
        earlier = None if known is None else known.finding(path, blank, decoder=how.decoder)
        if blank.error:
            findings[path] = blank
        elif earlier is not None:
            findings[path] = earlier
            taken_over += 1
        else:
            unread[path] = blank
    try:
        failed = _read(unread, how, findings, save)
        if failed and how.decoder == "auto":
            # decord is known to crash and hang where PyAV only raises an error.
            _read(failed, replace(how, decoder="pyav"), findings, save)
    except BaseException:
        save(findings)
        raise
    return findings, taken_over


def _read(
    unread: Findings, how: Survey, findings: Findings, save: Callable[[Findings], None]
) -> Findings:
    """Add a finding for every unread path; return those whose child died or hung."""
    failed: Findings = {}
    saved = time.monotonic()
    for path, answer in _answers(list(unread), how):
        blank = unread[path]
        if answer.failure is None:
            measured = {"bytes": blank.bytes, "modified": blank.modified}
            findings[path] = Finding(**(answer.value | measured))
        else:
            raised = answer.failure == "raised"
            words = f"unreadable ({answer.words})" if raised else answer.words
            findings[path] = replace(blank, error=words)
            if not raised:
                failed[path] = blank
        if time.monotonic() - saved > _SAVE_EVERY:
            save(findings)
            saved = time.monotonic()
    return failed


def _answers(paths: list[Path], how: Survey) -> Iterator[tuple[Path, Answer]]:
    """Each path with what a child says of it, under a progress bar."""
    calls = [{"path": str(path), "decoder": how.decoder} for path in paths]
    answers = guarded_calls(how.inspector, calls, workers=how.workers, timeout=how.timeout)
    bar = tqdm(total=len(calls), unit="video", desc="index", disable=how.quiet or not calls)
    with contextlib.closing(answers), bar:
        for answer in answers:
            bar.update()
            yield paths[answer.call], answer


def _blank(path: Path) -> Finding:
    """Size and time of a file that is there and can be read, or what keeps it from being so."""
    try:
        files = [path]
        if path.is_dir():
            files = [file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES]
        found = [file.stat() for file in files]
    except FileNotFoundError:
        return Finding(error="not found")
    except OSError as error:
        return Finding(error=f"unreadable ({error.strerror})")
    if not all(stat.S_ISREG(one.st_mode) for one in found):
        return Finding(error="unreadable (not a regular file)")
    size = sum(one.st_size for one in found)
    modified = max((one.st_mtime for one in found), default=0.0)
    words = "" if size else "unreadable (empty file)"
    readable = all(os.access(file, os.R_OK) for file in files[:1])
    return Finding(
        error=words if readable else "unreadable (permission denied)", bytes=size, modified=modified
    )
