"""``selfvid index``: inspect every video once and write a manifest of what was found."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from selfvid.data.indexing.gather import gather, with_groups, with_labels
from selfvid.data.indexing.layouts import Entry
from selfvid.data.indexing.near_duplicates import near_duplicates as find_near_duplicates
from selfvid.data.indexing.summary import Tally, summarise
from selfvid.data.indexing.survey import EarlierManifest, Findings, Survey, survey
from selfvid.data.manifest.manifest import Manifest, Row, relative_path
from selfvid.data.manifest.rows import Finding
from selfvid.data.manifest.tables import check_suffix
from selfvid.data.video.guard import ChildError, guarded_calls
from selfvid.data.video.reader import DecoderName
from selfvid.errors import InputError
from selfvid.saving.printable import printable
from selfvid.signals import Stopped

CHECK = "selfvid.data.indexing.inspect:check_decoder"  # what a child calls to test the decoder

_CHECK_LIMIT = 60.0  # seconds for decoding a clip of three frames: far more than it needs
_MOST_WORKERS = 8  # by default; more of them may be slower, because they share one disk


def index(
    footage: Path | str | list[Path | str],
    *,
    out: Path | str,
    labels: str | None = None,
    groups: str | None = None,
    splits: list[Path | str] | None = None,
    decoder: DecoderName = "auto",
    timeout: float = 60.0,
    workers: int | None = None,
    fresh: bool = False,
    near_duplicates: bool = True,
    quiet: bool = False,
) -> Manifest:
    """Inspect every video once in a guarded process, report broken files and write a manifest.

    A command that was interrupted continues where it stopped, and a repeated one reads only files
    that changed. Labels, splits, groups and further columns that you wrote into an earlier
    manifest at OUT are kept, unless this call gives new ones.

    Args:
        footage: a folder tree of videos or of folders of frame images, a video, or a list: a
            table with a column path, or a list file of UCF-101, HMDB-51 or Kinetics. Several may
            be given; the videos of a list are then searched in the folders that are given too.
        out: the manifest to write, .csv or .parquet.
        labels: "folder" (the name of the folder that contains a video), a column of the footage's
            table, or a list file of names and labels.
        groups: regular expression that is searched in each relative path. The part that its first
            parentheses match (the whole match without parentheses) is the group; all videos of a
            group are on the same side of every split.
        splits: list files of the videos for training and of those for testing.
        decoder: the decoder to use; auto uses for each file the first one that reads it.
        timeout: seconds after which the inspection of a file is ended.
        workers: processes that inspect files; by default one per core, at most 8.
        fresh: read every file again, whether it changed or not.
        near_duplicates: find videos that show the same pictures as others in different files.
            They are used, but always on the same side of a split.
        quiet: print neither progress nor summary.

    Returns:
        The manifest as written.

    Raises:
        InputError: If an argument is not as expected, nothing is found or no video is readable
            (the manifest is written first, because it has the reasons).
    """
    out = Path(out)
    settings = _settings(out, decoder, timeout=timeout, workers=workers, quiet=quiet)
    places = footage if isinstance(footage, list) else [footage]
    found = gather([Path(p) for p in places], splits=[Path(p) for p in splits or ()])
    draft = out.with_suffix(f".partial{out.suffix}")
    earlier = EarlierManifest(out, draft)
    entries = with_groups(with_labels(found.entries, labels), groups)
    entries, gone = earlier.keep_edits(entries)
    findings, reused = _surveyed(entries, settings, None if fresh else earlier, out, draft)
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
        raise _nothing_readable(manifest, settings, out)
    return manifest


def _surveyed(
    entries: Sequence[Entry],
    settings: Survey,
    earlier: EarlierManifest | None,
    out: Path,
    draft: Path,
) -> tuple[Findings, int]:
    """Return a finding for the file of every entry, and how many of them were reused."""

    def save(findings: Findings) -> None:
        if part := [entry for entry in entries if entry.path in findings]:
            _manifest(part, findings, out).write(draft)

    paths = list(dict.fromkeys(entry.path for entry in entries))
    try:
        return survey(paths, settings, earlier=earlier, save=save)
    except (KeyboardInterrupt, Stopped):
        place = printable(draft)
        kept = f"the findings so far are in {place}" if draft.exists() else "no findings yet"
        print(f"\ninterrupted: {kept}; the same command continues from there", file=sys.stderr)
        raise
    except ChildError as error:
        raise InputError(f"decoder {settings.decoder} cannot be started ({error})") from None


def _settings(
    out: Path, decoder: DecoderName, *, timeout: float, workers: int | None, quiet: bool
) -> Survey:
    """Check the options and return those for the survey."""
    # This imports torch, which is not needed for printing the help of the command.
    from selfvid.data.video.decode import resolve_decoder

    check_suffix(out)
    folder = out.absolute().parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise InputError(f"out {str(out)!r} is not in a folder that can be written to")
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
    """Return a row for each entry; the second and later copies of a file are duplicates."""
    root = out.absolute().parent
    first: dict[object, Row] = {}
    rows = []
    for entry in entries:
        finding = _for_segment(findings[entry.path], entry)
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


def _for_segment(finding: Finding, entry: Entry) -> Finding:
    """Return the finding about a file, with an error if a segment has none of its frames."""
    if finding.error or entry.start is None or entry.start < finding.duration:
        return finding
    behind = f"the segment begins at {entry.start:g} s, behind the last frame that can be read"
    return replace(finding, error=f"too short ({behind}, at {finding.duration:g} s)")


def _duplicate_of(original: Row, row: Row) -> str:
    """Return the error of a duplicate row, with labels in which it differs from the original."""
    differing = [
        f"{name} {original.column(name)!r} there"
        for name in ("label", "split", "group")
        if original.column(name) != row.column(name)
    ]
    return "; ".join([f"exact duplicate of {original.path}", *differing])


def _with_near_duplicates(manifest: Manifest) -> Manifest:
    """Return the manifest, each row with the earliest other video that shows the same."""
    firsts: dict[str, Row] = {}
    for row in manifest.usable.rows:
        firsts.setdefault(row.video, row)
    videos = list(firsts.values())
    found = find_near_duplicates(
        [row.thumbnails for row in videos], [row.duration for row in videos]
    )
    path_of = {videos[later].video: videos[first].path for later, first in found.items()}
    rows = tuple(
        replace(row, near_duplicate_of=path_of.get(row.video, "") if row.status == "ok" else "")
        for row in manifest.rows
    )
    return Manifest(rows, manifest.root)


def _nothing_readable(manifest: Manifest, settings: Survey, out: Path) -> InputError:
    """Return the error for a manifest without usable videos: the decoder is broken or the files."""
    calls = [{"decoder": settings.decoder}]
    (answer,) = guarded_calls(CHECK, calls, workers=1, timeout=_CHECK_LIMIT)
    reason = answer.words or answer.value
    if reason:
        return InputError(f"no video can be read because the decoder is broken: {reason}")
    row = manifest.rows[0]
    return InputError(
        f"none of {len(manifest)} videos is readable; the first is {row.path}: {row.error}; "
        f"the reasons are in {out}"
    )
