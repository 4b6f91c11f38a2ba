"""Read list files: the videos of a data set, with labels, splits and segments.

These are tables (.csv, .parquet) with a column path, and the lists that are distributed with
UCF-101 (trainlist01.txt and testlist01.txt, with classInd.txt in the same folder), HMDB-51
(``*_test_split1.txt``) and Kinetics (a CSV with a column youtube_id). Any other text file has on
each line a name and its label, or a folder of frame images, their number and a label, as the lists
of TSN have. Names may contain blanks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from selfvid.data.indexing.layouts import Entry
from selfvid.data.manifest.rows import parse_row
from selfvid.data.manifest.tables import Table, read_table
from selfvid.data.video.files import AUDIO_SUFFIXES, IMAGE_SUFFIXES, VIDEO_SUFFIXES
from selfvid.errors import InputError

LIST_SUFFIXES = frozenset((".csv", ".parquet", ".txt"))

# Columns of a row that a list may give; everything else is measured.
_GIVEN = ("path", "label", "split", "group", "start", "end")
# Other names of the parts of a split, and ours.
_SPLITS = {"training": "train", "testing": "test", "validation": "val", "validate": "val"}
_MEDIA = "|".join(map(re.escape, (*sorted(VIDEO_SUFFIXES | AUDIO_SUFFIXES), *IMAGE_SUFFIXES)))
# A name and what follows it, from the surest way to tell them apart to the last resort.
_LINES = (
    re.compile(r"([^\t]*)\t(.*)"),
    re.compile(rf"(.*(?:{_MEDIA}))(?!\S)(.*)", re.IGNORECASE),
    re.compile(r"(.*?\S)\s+((?:\d+\s+)?-?\d+)"),  # a folder, perhaps its frames, and a number
    re.compile(r"(.*/\S*)(.*)"),
    re.compile(r"(\S+)(.*)"),
)
_HMDB_CODES = {"0": "", "1": "train", "2": "test"}


@dataclass(frozen=True)
class Listing:
    """The lines of one list file.

    Attributes:
        source: the list file.
        entries: one entry per line; `name` is the name in the list, and `path` is that name
            relative to the list's folder, whether or not the file exists.
        by_name: whether the names must be searched below a folder, as those of published lists;
            otherwise they are paths relative to the list.
    """

    source: Path
    entries: tuple[Entry, ...]
    by_name: bool


def read_list(source: Path) -> Listing:
    """Return the list at `source`; its kind is recognised by file name and columns.

    Raises:
        InputError: If the file is missing, empty or of no kind that can be read.
    """
    if not source.is_file():
        raise InputError(f"list {str(source)!r} does not exist; expected a .csv, .parquet or .txt")
    if source.suffix != ".txt":
        return _from_table(read_table(source))
    try:
        text = source.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise InputError(f"list {str(source)!r} cannot be read ({error.strerror})") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError(f"list {str(source)!r} is empty; expected one video per line")
    hmdb = re.fullmatch(r"(.+)_test_split\d", source.stem)
    if hmdb:
        return _listing(source, [_hmdb(source, line, hmdb[1]) for line in lines], by_name=True)
    ucf = re.fullmatch(r"(train|test)list\d*", source.stem)
    if ucf:
        classes = _ucf_classes(source.with_name("classInd.txt"))
        entries = [_ucf(source, line, ucf[1], classes) for line in lines]
        return _listing(source, entries, by_name=True)
    return _listing(source, [_plain(source, line) for line in lines], by_name=False)


def plain_split(text: str) -> str:
    """Return a split under the name that the manifest uses: "training" becomes "train"."""
    lower = text.strip().lower()
    return _SPLITS.get(lower, lower)


class Places:
    """Files in which the videos of lists are searched, by relative path, by name or by stem.

    Args:
        entries: the files.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._files: dict[str, list[Entry]] = {}
        for entry in entries:
            path = PurePosixPath(entry.name)
            for key in {entry.name, path.name, path.stem}:
                self._files.setdefault(key, []).append(entry)

    def locate(self, listed: Entry) -> Entry | None:
        """Return `listed` with the path and name of its file, or None if there is no such file.

        A file whose name contains the segment too, as in ID_000010_000020.mp4, was already cut
        out of the whole video; the entry then has no start and end.

        Raises:
            InputError: If several files fit.
        """
        if listed.start is not None and listed.end is not None:
            cut = self._find(f"{listed.name}_{listed.start:06.0f}_{listed.end:06.0f}")
            if cut is not None:
                return replace(listed, path=cut.path, name=cut.name, start=None, end=None)
        whole = self._find(listed.name)
        return None if whole is None else replace(listed, path=whole.path, name=whole.name)

    def _find(self, name: str) -> Entry | None:
        path = PurePosixPath(name)
        for key in dict.fromkeys((name, path.name, path.stem)):
            found = self._files.get(key, [])
            if len(found) > 1:
                some = ", ".join(entry.name for entry in found[:2])
                raise InputError(f"list name {name!r} fits {len(found)} files ({some}); expected 1")
            if found:
                return found[0]
        return None


def _listing(source: Path, entries: list[Entry], *, by_name: bool) -> Listing:
    return Listing(source, tuple(entries), by_name)


def _from_table(table: Table) -> Listing:
    if not table.lines:
        raise InputError(f"list {str(table.path)!r} has no rows; expected one video per row")
    places = range(len(table.lines))
    if "path" in table.columns:
        return _listing(table.path, [_row(table, at) for at in places], by_name=False)
    if "youtube_id" in table.columns:
        return _listing(table.path, [_kinetics(table, at) for at in places], by_name=True)
    raise InputError(
        f"list {str(table.path)!r} has columns {', '.join(table.columns)}; "
        "expected path (any footage) or youtube_id (Kinetics)"
    )


def _row(table: Table, index: int) -> Entry:
    row = parse_row(table, index, only=_GIVEN)
    return Entry(
        path=table.path.absolute().parent / row.path,
        name=row.path,
        label=row.label,
        split=plain_split(row.split),
        group=row.group,
        start=row.start,
        end=row.end,
        columns=row.columns,
    )


def _kinetics(table: Table, index: int) -> Entry:
    """Return the entry of a line with label, youtube_id, time_start, time_end and split.

    The usual download cuts out the segment and puts its seconds into the file's name. A file that
    is named after the id alone is the whole video; `start` and `end` then give the segment.
    """
    names = {"youtube_id": "path", "time_start": "start", "time_end": "end"}
    line = {names.get(name, name): cell for name, cell in table.lines[index].items()}
    return _row(replace(table, lines=(line,), numbers=(table.numbers[index],)), 0)


def _hmdb(source: Path, line: str, label: str) -> Entry:
    name, _, code = line.rpartition(" ")
    if code not in _HMDB_CODES or not name:
        raise InputError(f"list {str(source)!r} has line {line!r}; expected a name and 0, 1 or 2")
    return _named(source, name.strip(), label=label, split=_HMDB_CODES[code])


def _ucf(source: Path, line: str, split: str, classes: dict[str, str]) -> Entry:
    name, number = _name_and_rest(line)
    label = classes.get(number.strip(), "") or PurePosixPath(name).parent.name
    # Clips that were cut from one video have the same number after g: v_ApplyEyeMakeup_g08_c01.
    clip = re.fullmatch(r"(.+_g\d+)_c\d+", PurePosixPath(name).stem)
    return _named(source, name, label=label, split=split, group=clip[1] if clip else "")


def _ucf_classes(source: Path) -> dict[str, str]:
    """Return the class of each number in UCF-101's classInd.txt; empty without that file."""
    if not source.is_file():
        return {}
    lines = source.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    pairs = [line.split(maxsplit=1) for line in lines if line.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise InputError(f"list {str(source)!r} must have a number and a class on every line")
    return {pair[0]: pair[1].strip() for pair in pairs}


def _plain(source: Path, line: str) -> Entry:
    name, rest = _name_and_rest(line)
    numbers = rest.split()
    # The number of frames, which comes before the label in the lists of TSN, is measured anew.
    counted = len(numbers) == 2 and all(each.isdecimal() for each in numbers)
    return _named(source, name, label=numbers[1] if counted else rest)


def _name_and_rest(line: str) -> tuple[str, str]:
    """Split a line of a list into a name, which may contain blanks, and what follows it.

    The name ends at a tab; else with the last field that has the suffix of a video or an image;
    else, as the name of a folder, before the numbers at the end of the line, or before a label,
    which contains no "/".
    """
    found = next(match for form in _LINES if (match := form.fullmatch(line)))
    return found[1].strip(), found[2].strip()


def _named(source: Path, name: str, *, label: str, split: str = "", group: str = "") -> Entry:
    path = source.absolute().parent / name
    return Entry(path=path, name=name, label=label, split=split, group=group)
