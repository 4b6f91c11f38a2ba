"""Look at many files in guarded children, reading only what is not known yet."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from selfvid.data.manifest.finding import Finding
from selfvid.data.video.guard import Answer, guarded_calls
from selfvid.data.indexing.earlier import Known
from selfvid.data.indexing.layouts import IMAGE_SUFFIXES

DecoderName = Literal["auto", "decord", "pyav"]
Findings = dict[Path, Finding]

_SAVE_EVERY = 30.0  # seconds between two drafts


@dataclass(frozen=True, kw_only=True)
class Look:
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
    look: Look,
    *,
    known: Known | None,
    save: Callable[[Findings], None],
) -> tuple[Findings, int]:
    """Find out about every path.

    Args:
        paths: files and folders of frame images, each once.
        look: how to look.
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
        earlier = None if known is None else known.finding(path, blank, decoder=look.decoder)
        if blank.error:
            findings[path] = blank
        elif earlier is not None:
            findings[path] = earlier
            taken_over += 1
        else:
            unread[path] = blank
    try:
        failed = _read(unread, look, findings, save)
        if failed and look.decoder == "auto":
            # decord is known to crash and hang where PyAV only raises an error.
            _read(failed, replace(look, decoder="pyav"), findings, save)
    except BaseException:
        save(findings)
        raise
    return findings, taken_over


def _read(
    unread: Findings, look: Look, findings: Findings, save: Callable[[Findings], None]
) -> Findings:
    """Add a finding for every unread path; return those whose child died or hung."""
    failed: Findings = {}
    saved = time.monotonic()
    for path, answer in _answers(list(unread), look):
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


def _answers(paths: list[Path], look: Look) -> Iterator[tuple[Path, Answer]]:
    """Each path with what a child says of it, under a progress bar."""
    calls = [{"path": str(path), "decoder": look.decoder} for path in paths]
    answers = guarded_calls(look.inspector, calls, workers=look.workers, timeout=look.timeout)
    bar = tqdm(total=len(calls), unit="video", desc="index", disable=look.quiet or not calls)
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
