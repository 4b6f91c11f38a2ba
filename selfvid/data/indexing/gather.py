"""Gather the entries to be indexed from folders, video files and list files."""

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
    """The entries to be indexed, and counts of what is left out.

    Attributes:
        entries: the videos and segments, each once.
        ignored: number of files in the folders that are not footage.
        unlisted: number of videos in the folders that no list names, if there are lists.
        missing: number of names in the lists of splits that have no file.
    """

    entries: tuple[Entry, ...]
    ignored: int = 0
    unlisted: int = 0
    missing: int = 0


def gather(footage: Sequence[Path], *, splits: Sequence[Path] = ()) -> Gathered:
    """Return every entry of the footage.

    Args:
        footage: folders, video files and list files. If there are lists, they choose the videos,
            which are searched in the folders.
        splits: lists that give the split of each video, and its label or group if it has none yet.

    Raises:
        InputError: If something is missing, contains no video or contradicts itself.
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
    """Return the entries with labels from `labels`: "folder", a column's name or a list file."""
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
        columns = sorted({name for entry in entries for name in entry.columns})
        raise InputError(
            f"labels is {labels!r}; expected folder, a column of the footage's table "
            f"({', '.join(columns) or 'it has none'}) or a list file"
        )
    if not any(entry.label for entry in labelled):
        raise InputError(
            f"labels {labels!r} gives no video a label; the first is {entries[0].name!r}"
        )
    return tuple(labelled)


def with_groups(entries: Sequence[Entry], groups: str | None) -> tuple[Entry, ...]:
    """Return the entries with groups found in their names by the regular expression `groups`.

    The group is the part that the first pair of parentheses matches, or the whole match if there
    are no parentheses. An entry whose name does not match keeps its group.
    """
    if groups is None:
        return tuple(entries)
    try:
        pattern = re.compile(groups)
    except re.error as error:
        raise InputError(f"groups '{groups}' is not a regular expression ({error})") from None
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
    """Return the listed videos with their files.

    A video that is not found stays in the list, so that the manifest reports it as missing.
    """
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
            f"{listed[0].name!r}; give the folder that contains them too"
        )
    return listed


def _once(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return the entries without repetitions; an entry must not be repeated with other labels."""
    unique: dict[object, Entry] = {}
    for entry in entries:
        first = unique.setdefault((entry.path, entry.start, entry.end), entry)
        if (first.split, first.label) != (entry.split, entry.label):
            one, other = (
                f"{each.label or 'no label'} in {each.split or 'no split'}"
                for each in (first, entry)
            )
            raise InputError(f"{entry.name} is listed twice, as {one} and as {other}")
    return tuple(unique.values())


def _with_splits(found: Gathered, lists: Sequence[Listing]) -> Gathered:
    """Return the entries with the splits of `lists`; lists add missing labels and groups too."""
    places = Places(found.entries)
    listed = [entry for listing in lists for entry in listing.entries]
    located = [places.locate(entry) for entry in listed]
    by_path = {entry.path: entry for entry in _once([each for each in located if each is not None])}
    if not by_path:
        raise InputError(
            f"splits name {len(listed)} videos and none is in the footage, such as "
            f"{listed[0].name!r}; footage has {found.entries[0].name!r}"
        )
    entries = tuple(
        replace(
            entry,
            split=by_path[entry.path].split,
            label=entry.label or by_path[entry.path].label,
            group=entry.group or by_path[entry.path].group,
        )
        if entry.path in by_path
        else entry
        for entry in found.entries
    )
    missing = sum(entry is None for entry in located)
    return replace(found, entries=entries, missing=missing)


def _labelled_by(listing: Listing, entries: Sequence[Entry]) -> list[Entry]:
    places = Places(entries)
    located = [places.locate(entry) for entry in listing.entries]
    label_of = {entry.path: entry.label for entry in located if entry is not None}
    return [replace(entry, label=label_of.get(entry.path, "")) for entry in entries]
