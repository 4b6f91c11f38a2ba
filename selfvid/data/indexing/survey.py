"""Inspect many files in guarded child processes; unchanged files keep their earlier findings."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from selfvid.data.indexing.layouts import Entry
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.manifest.rows import Finding
from selfvid.data.manifest.tables import read_table
from selfvid.data.video.files import frame_images
from selfvid.data.video.guard import Answer, guarded_calls
from selfvid.data.video.reader import DecoderName
from selfvid.errors import InputError

Findings = dict[Path, Finding]

# Errors that may not occur the next time, so that the file is read again.
_TEMPORARY = ("timed out", "reader died", "not found")
_SAVE_EVERY = 30.0  # seconds between two drafts: an interruption costs little, and so does saving


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Settings for the inspection of files.

    Attributes:
        decoder: "decord", "pyav", or "auto" for the first of these that reads the file.
        timeout: seconds after which the inspection of a file is ended.
        workers: number of children that work at the same time.
        quiet: whether to show no progress.
        inspector: the function that children call, as "module:name".
    """

    decoder: DecoderName = "auto"
    timeout: float = 60.0
    workers: int = 1
    quiet: bool = False
    inspector: str = "selfvid.data.indexing.inspect:inspect_video"


class EarlierManifest:
    """The rows of an earlier manifest, and of the draft that an interrupted command left.

    Args:
        out: path of the earlier manifest, which need not exist.
        draft: path of the draft, which need not exist.

    Raises:
        InputError: If one of them exists and is not a manifest.
    """

    def __init__(self, out: Path, draft: Path) -> None:
        self._out = out
        self._rows = _rows(out)
        self._measured = dict(self._rows + _rows(draft))

    def finding(self, path: Path, now: Finding, *, decoder: str) -> Finding | None:
        """Return the earlier finding about a file, or None if the file has to be read (again).

        Args:
            path: the file.
            now: its present size and time of change.
            decoder: the decoder that must have read the file, or "auto" for any.
        """
        row = self._measured.get(path)
        if row is None or not row.video or row.error.startswith(_TEMPORARY):
            return None
        if (row.bytes, row.modified) != (now.bytes, now.modified):
            return None
        if row.decoder != "images":
            # PyAV reads in order where its seeks are wrong.
            readers = ("pyav", "sequential") if decoder == "pyav" else (decoder,)
            if decoder != "auto" and row.decoder not in readers:
                return None
            # Manifests of earlier versions name decoders that may return wrong frames.
            if row.frames and not row.verified:
                return None
        names = [entry.name for entry in dataclasses.fields(Finding)]
        earlier = Finding(**{name: getattr(row, name) for name in names})
        # Whether a row is a duplicate depends on the other rows and is determined again.
        return earlier if row.status == "bad" else replace(earlier, error="")

    def keep_edits(self, entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], int]:
        """Return the entries, completed by what the earlier manifest says about them.

        The earlier manifest gives labels, splits, groups and further columns that an entry lacks,
        and the segments of a video that is given as a whole.

        Returns:
            The entries, and how many earlier rows are dropped because their file is gone.

        Raises:
            InputError: If the earlier manifest has other footage, whose rows would be lost.
        """
        earlier: dict[Path, list[Row]] = {}
        for path, row in self._rows:
            earlier.setdefault(path, []).append(row)
        others = set(earlier) - {entry.path for entry in entries}
        lost = [path for path in others if path.exists()]
        if lost:
            raise InputError(
                f"out {str(self._out)!r} also contains {len(lost)} videos that are not in this "
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


def survey(
    paths: Sequence[Path],
    settings: Survey,
    *,
    earlier: EarlierManifest | None,
    save: Callable[[Findings], None],
) -> tuple[Findings, int]:
    """Inspect every path, or keep its earlier finding.

    Args:
        paths: files and folders of frame images, each once.
        settings: how to inspect them.
        earlier: an earlier manifest, whose findings about unchanged files are reused.
        save: called with the findings so far every half minute and when the survey is interrupted.

    Returns:
        A finding for every path, and how many of them were reused.
    """
    findings: Findings = {}
    unread: Findings = {}
    reused = 0
    for path in paths:
        blank = _blank(path)
        found = None if earlier is None else earlier.finding(path, blank, decoder=settings.decoder)
        if blank.error:
            findings[path] = blank
        elif found is not None:
            findings[path] = found
            reused += 1
        else:
            unread[path] = blank
    try:
        failed = _read(unread, settings, findings, save)
        if failed and settings.decoder == "auto":
            # decord crashes or hangs on some files for which PyAV only raises an error.
            _read(failed, replace(settings, decoder="pyav"), findings, save)
    except BaseException:
        save(findings)
        raise
    return findings, reused


def _rows(path: Path) -> list[tuple[Path, Row]]:
    """Return the path and the row of each video of the manifest at `path`, if there is one."""
    if not path.exists():
        return []
    if not path.is_file() or not {"path", "video", "status"} <= set(read_table(path).columns):
        raise InputError(
            f"out {str(path)!r} exists and is not a manifest of selfvid index; "
            "expected a new file or such a manifest"
        )
    manifest = Manifest.read(path)
    return [(manifest.path_of(row), row) for row in manifest.rows]


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


def _blank(path: Path) -> Finding:
    """Return size and time of change of a file, or why it cannot be read."""
    try:
        files = [path]
        if path.is_dir():
            files = frame_images(path)
        found = [file.stat() for file in files]
    except FileNotFoundError:
        return Finding(error="not found")
    except InputError as error:
        return Finding(error=f"unreadable ({error})")
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


def _read(
    unread: Findings, settings: Survey, findings: Findings, save: Callable[[Findings], None]
) -> Findings:
    """Add a finding for every unread path; return those whose child died or timed out."""
    failed: Findings = {}
    saved = time.monotonic()
    for path, answer in _answers(list(unread), settings):
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


def _answers(paths: list[Path], settings: Survey) -> Iterator[tuple[Path, Answer]]:
    """Yield each path with the answer of a child, and show a progress bar."""
    calls = [{"path": str(path), "decoder": settings.decoder} for path in paths]
    answers = guarded_calls(
        settings.inspector, calls, workers=settings.workers, timeout=settings.timeout
    )
    hidden = settings.quiet or not calls
    bar = tqdm(total=len(calls), unit="video", desc="index", disable=hidden)
    with contextlib.closing(answers), bar:
        for answer in answers:
            bar.update()
            yield paths[answer.call], answer
