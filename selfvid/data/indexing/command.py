"""`selfvid index`: look at every video once and say what it is or what is wrong with it."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from selfvid.data.indexing.gather import gather, with_groups, with_labels
from selfvid.data.indexing.layouts import Entry
from selfvid.data.indexing.near_duplicates import near_duplicates as find_near_duplicates
from selfvid.data.indexing.summary import Tally, summarise
from selfvid.data.indexing.survey import EarlierManifest, Findings, Survey, survey
from selfvid.data.manifest.manifest import Manifest, Row, relative_path
from selfvid.data.manifest.tables import check_suffix
from selfvid.data.video.guard import ChildError, guarded_calls
from selfvid.errors import InputError

CHECK = "selfvid.data.indexing.inspect:check_decoder"

_MOST_WORKERS = 8


def index(
    footage: Path | list[Path],
    *,
    out: Path,
    labels: str | None = None,
    groups: str | None = None,
    splits: list[Path] | None = None,
    decoder: Literal["auto", "decord", "pyav"] = "auto",
    timeout: float = 60.0,
    workers: int | None = None,
    fresh: bool = False,
    near_duplicates: bool = True,
    quiet: bool = False,
) -> Manifest:
    """Survey at every video once, in a guarded process; say what is broken; write a manifest.

    An index that was interrupted goes on where it stopped, and one that is repeated rereads only
    files that changed. Labels, splits, groups and further columns that a person wrote into an
    earlier manifest at OUTPUT are kept, except where this call gives new ones.

    Args:
        footage: a folder tree of videos or of folders of frame images, a video, or a list: a
            table with a column path, or a list file of UCF-101, HMDB-51 or Kinetics; several are
            taken together, and lists are looked up in the folders given beside them.
        out: the manifest to write, .csv or .parquet.
        labels: "folder" (the name of the folder that a video lies in), a column of the footage's
            table, or a list file of names and labels.
        groups: regular expression searched in each relative path; what its first parentheses (or
            all of it) match is the group, and a group never straddles a split.
        splits: list files that say which videos are for training and which for testing.
        decoder: who decodes; auto takes for each file the one that reads it.
        timeout: seconds after which a file is given up.
        workers: processes that look at files; by default one per core, at most 8.
        fresh: read every file again, changed or not.
        near_duplicates: find videos that show the same pictures in other files; they stay
            usable, on one side of every split.
        quiet: print neither progress nor summary.

    Returns:
        The manifest as written.

    Raises:
        InputError: where an argument does not fit, nothing is found or no video is readable (the
            manifest is written first, for its reasons to be read).
    """
    out = Path(out)
    look = _checked_survey(out, decoder, timeout=timeout, workers=workers, quiet=quiet)
    places = footage if isinstance(footage, list) else [footage]
    found = gather([Path(p) for p in places], splits=[Path(p) for p in splits or ()])
    draft = out.with_suffix(f".partial{out.suffix}")
    known = EarlierManifest(out, draft)
    entries = with_groups(with_labels(found.entries, labels), groups)
    entries, gone = known.keep_edits(entries)
    findings, reused = _surveyed(entries, look, None if fresh else known, out, draft)
    manifest = _manifest(entries, findings, out)
    if near_duplicates:
        manifest = _with_near_duplicates(manifest)
    manifest = manifest.write(out)
    draft.unlink(missing_ok=True)
    if not quiet:
        tally = Tally(
            reused=reused,
            ignored=found.ignored,
            unlisted=found.unlisted,
            missing=found.missing,
            gone=gone,
        )
        print(summarise(manifest, tally, out=out))
    if not len(manifest.usable):
        raise _nothing_readable(manifest, look, out)
    return manifest


def _surveyed(
    entries: Sequence[Entry], look: Survey, known: EarlierManifest | None, out: Path, draft: Path
) -> tuple[Findings, int]:
    """A finding for every entry's file, and how many were known already."""

    def save(findings: Findings) -> None:
        if part := [entry for entry in entries if entry.path in findings]:
            _manifest(part, findings, out).write(draft)

    paths = list(dict.fromkeys(entry.path for entry in entries))
    try:
        return survey(paths, look, known=known, save=save)
    except KeyboardInterrupt:
        kept = f"what was found is in {draft}" if draft.exists() else "nothing was found yet"
        print(f"\ninterrupted: {kept}; the same command goes on from there", file=sys.stderr)
        raise
    except ChildError as error:
        raise InputError(f"decoder {look.decoder} cannot be started ({error})") from None


def _checked_survey(
    out: Path,
    decoder: Literal["auto", "decord", "pyav"],
    *,
    timeout: float,
    workers: int | None,
    quiet: bool,
) -> Survey:
    # Imports torch, which the help of this command can do without.
    from selfvid.data.video.decode import resolve_decoder

    check_suffix(out)
    folder = out.absolute().parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise InputError(f"out {str(out)!r} lies in no folder that can be written to")
    if timeout <= 0:
        raise InputError(f"timeout is {timeout}; expected more than 0 seconds")
    if workers is not None and workers < 1:
        raise InputError(f"workers is {workers}; expected 1 or more")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Survey(
        decoder=resolve_decoder(decoder),
        timeout=timeout,
        workers=workers or min(cores or 1, _MOST_WORKERS),
        quiet=quiet,
    )


def _manifest(entries: Sequence[Entry], findings: Findings, out: Path) -> Manifest:
    """Rows in the order of the entries, the second and later copies of a file as duplicates."""
    root = out.absolute().parent
    first: dict[object, Row] = {}
    rows = []
    for entry in entries:
        finding = findings[entry.path]
        row = Row(
            path=relative_path(entry.path, root),
            label=entry.label,
            split=entry.split,
            group=entry.group,
            start=entry.start,
            end=entry.end,
            columns=entry.columns,
            status="bad" if finding.error else "ok",
            **dataclasses.asdict(finding),
        )
        if row.status == "ok":
            original = first.setdefault((row.video, row.start, row.end), row)
            if original is not row:
                row = replace(row, status="duplicate", error=_duplicate_of(original, row))
        rows.append(row)
    return Manifest(tuple(rows), root)


def _duplicate_of(original: Row, row: Row) -> str:
    differing = [
        f"{name} {original.column(name)!r} there"
        for name in ("label", "split", "group")
        if original.column(name) != row.column(name)
    ]
    return "; ".join([f"exact duplicate of {original.path}", *differing])


def _with_near_duplicates(manifest: Manifest) -> Manifest:
    """The rows, each with the earliest other video that shows the same."""
    firsts: dict[str, Row] = {}
    for row in manifest.usable.rows:
        firsts.setdefault(row.video, row)
    videos = list(firsts.values())
    alike = find_near_duplicates([row.look for row in videos], [row.duration for row in videos])
    named = {videos[later].video: videos[first].path for later, first in alike.items()}
    rows = tuple(
        replace(row, near_duplicate_of=named.get(row.video, "") if row.status == "ok" else "")
        for row in manifest.rows
    )
    return Manifest(rows, manifest.root)


def _nothing_readable(manifest: Manifest, look: Survey, out: Path) -> InputError:
    """Whose fault it is that no video can be used: the decoder's or the files'."""
    (answer,) = guarded_calls(CHECK, [{"decoder": look.decoder}], workers=1, timeout=60.0)
    reason = answer.words or answer.value
    if reason:
        return InputError(f"no video can be read and the decoder is at fault: {reason}")
    row = manifest.rows[0]
    return InputError(
        f"none of {len(manifest)} videos is readable, such as {row.path}: {row.error}; "
        f"the reasons are in {out}"
    )
