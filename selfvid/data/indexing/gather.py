"""From what a person points at to the entries that are to be indexed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from selfvid.data.indexing.layouts import Entry, parent_label, read_tree
from selfvid.data.indexing.lists import LIST_SUFFIXES, Listing, Places, read_list
from selfvid.data.video.files import AUDIO_SUFFIXES, VIDEO_SUFFIXES
from selfvid.errors import InputError


@dataclass(frozen=True)
class Gathered:
    """What is to be indexed.

    Attributes:
        entries: the videos and segments, each once.
        ignored: files in the folders that are no footage.
        unlisted: videos in the folders that no list names, where lists chose the footage.
        missing: names in lists of splits that have no file.
    """

    entries: tuple[Entry, ...]
    ignored: int = 0
    unlisted: int = 0
    missing: int = 0


def gather(footage: Sequence[Path], *, splits: Sequence[Path] = ()) -> Gathered:
    """Every entry of the footage.

    Args:
        footage: folders, video files and list files. Where there are lists, they choose the
            videos, and the folders are where these are looked for.
        splits: lists that tell split, and label or group where not known yet, of the footage.

    Raises:
        InputError: where something is missing, holds no video or contradicts itself.
    """
    trees = [read_tree(path) for path in footage if path.is_dir()]
    lists = [read_list(path) for path in footage if _is_list(path)]
    entries = [entry for tree in trees for entry in tree.entries]
    entries += [_single(path) for path in footage if not (path.is_dir() or _is_list(path))]
    unlisted = 0
    if lists:
        listed = [entry for listing in lists for entry in _chosen(listing, entries)]
        unlisted = len({entry.path for entry in entries} - {entry.path for entry in listed})
        entries = listed
    found = Gathered(_once(entries), sum(tree.ignored for tree in trees), unlisted)
    return _with_splits(found, [read_list(path) for path in splits]) if splits else found


def with_labels(entries: Sequence[Entry], labels: str | None) -> tuple[Entry, ...]:
    """The entries with their labels from `labels`: "folder", a column's name or a list file."""
    if labels is None:
        return tuple(entries)
    if labels == "folder":
        labelled = [replace(entry, label=parent_label(entry)) for entry in entries]
    elif any(labels in entry.columns for entry in entries):
        labelled = [replace(entry, label=entry.columns.get(labels, "")) for entry in entries]
    elif Path(labels).suffix in LIST_SUFFIXES:
        labelled = _labelled_by(read_list(Path(labels)), entries)
    elif labels == "label":
        labelled = list(entries)
    else:
        known = sorted({name for entry in entries for name in entry.columns})
        raise InputError(
            f"labels is {labels!r}; expected folder, a column of the footage's table "
            f"({', '.join(known) or 'it has none'}) or a list file"
        )
    if not any(entry.label for entry in labelled):
        raise InputError(
            f"labels {labels!r} gives no video a label; the first is {entries[0].name!r}"
        )
    return tuple(labelled)


def with_groups(entries: Sequence[Entry], groups: str | None) -> tuple[Entry, ...]:
    """The entries with groups searched in their names by the regular expression `groups`.

    The group is what the first pair of parentheses matches, or the whole match without any.
    """
    if groups is None:
        return tuple(entries)
    try:
        pattern = re.compile(groups)
    except re.error as error:
        raise InputError(f"groups '{groups}' is no regular expression ({error})") from None
    matches = [pattern.search(entry.name) for entry in entries]
    if not any(matches):
        raise InputError(
            f"groups '{groups}' matches no video; expected a part of names such as "
            f"{entries[0].name!r}"
        )
    return tuple(
        replace(entry, group=match[1 if pattern.groups else 0] or "") if match else entry
        for entry, match in zip(entries, matches, strict=True)
    )


def _is_list(path: Path) -> bool:
    return path.suffix.lower() in LIST_SUFFIXES and not path.is_dir()


def _single(path: Path) -> Entry:
    if not path.exists():
        raise InputError(f"footage {str(path)!r} does not exist; expected a folder, file or list")
    if path.suffix.lower() not in VIDEO_SUFFIXES | AUDIO_SUFFIXES:
        raise InputError(
            f"footage {str(path)!r} is neither a folder, a video nor a list; expected a video "
            "suffix such as .mp4, or .csv, .parquet, .txt for a list"
        )
    return Entry(path=path.absolute(), name=path.name)


def _chosen(listing: Listing, files: Sequence[Entry]) -> list[Entry]:
    """The listed videos with their files; what is not found stays, to be reported as missing."""
    if listing.by_name and not files:
        files = read_tree(listing.source.absolute().parent).entries
    places = Places(files)
    listed = [
        entry if not listing.by_name and entry.path.exists() else places.locate(entry) or entry
        for entry in listing.entries
    ]
    if not any(entry.path.exists() for entry in listed):
        raise InputError(
            f"list {str(listing.source)!r} names {len(listed)} videos and none is found, such as "
            f"{listed[0].name!r}; give the folder that holds them too"
        )
    return listed


def _once(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries without repetitions, which must not contradict one another."""
    unique: dict[object, Entry] = {}
    for entry in entries:
        first = unique.setdefault((entry.path, entry.start, entry.end), entry)
        if (first.split, first.label) != (entry.split, entry.label):
            told = [
                f"{one.label or 'no label'} in {one.split or 'no split'}" for one in (first, entry)
            ]
            raise InputError(f"{entry.name} is listed twice, as {told[0]} and as {told[1]}")
    return tuple(unique.values())


def _with_splits(found: Gathered, lists: Sequence[Listing]) -> Gathered:
    places = Places(found.entries)
    listed = [entry for listing in lists for entry in listing.entries]
    located = [places.locate(entry) for entry in listed]
    told = {entry.path: entry for entry in _once([entry for entry in located if entry is not None])}
    if not told:
        raise InputError(
            f"splits name {len(listed)} videos and none is in the footage, such as "
            f"{listed[0].name!r}; footage has {found.entries[0].name!r}"
        )
    entries = tuple(
        replace(
            entry,
            split=told[entry.path].split,
            label=entry.label or told[entry.path].label,
            group=entry.group or told[entry.path].group,
        )
        if entry.path in told
        else entry
        for entry in found.entries
    )
    missing = sum(entry is None for entry in located)
    return replace(found, entries=entries, missing=missing)


def _labelled_by(listing: Listing, entries: Sequence[Entry]) -> list[Entry]:
    places = Places(entries)
    located = [places.locate(entry) for entry in listing.entries]
    told = {entry.path: entry.label for entry in located if entry is not None}
    return [replace(entry, label=told.get(entry.path, "")) for entry in entries]
