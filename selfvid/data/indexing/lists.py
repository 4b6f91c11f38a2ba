"""List files: which videos a data set has, with labels, splits and segments.

Understood are tables (.csv, .parquet) with a column path, and the lists that come with
UCF-101 (trainlist01.txt, testlist01.txt, beside classInd.txt), HMDB-51 (*_test_split1.txt) and
Kinetics (a CSV with a column youtube_id). Any other text file has one name and its label a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from selfvid.data.indexing.layouts import Entry
from selfvid.data.manifest.rows import parse_row
from selfvid.data.manifest.tables import Table, read_table
from selfvid.errors import InputError

LIST_SUFFIXES = frozenset((".csv", ".parquet", ".txt"))

_GIVEN = ("path", "label", "split", "group", "start", "end")
_SPLITS = {"training": "train", "testing": "test", "validation": "val", "validate": "val"}
_HMDB_CODES = {"0": "", "1": "train", "2": "test"}


@dataclass(frozen=True)
class Listing:
    """The lines of one list file.

    Attributes:
        source: the list file.
        entries: one per line; `name` is as the list tells it, `path` is where that would be
            beside the list, whether or not it is there.
        by_name: whether the names are to be looked for below a folder, as data sets ship their
            lists, rather than being paths told from the list itself.
    """

    source: Path
    entries: tuple[Entry, ...]
    by_name: bool


def read_list(source: Path) -> Listing:
    """The list at `source`, of whichever kind it is.

    Raises:
        InputError: where it is missing, empty or of no kind that is understood.
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
        found = [_ucf(source, line, ucf[1], classes) for line in lines]
        return _listing(source, found, by_name=True)
    return _listing(source, [_plain(source, line) for line in lines], by_name=False)


class Places:
    """Files that lists speak of, to be found by relative path, by name or by stem."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._found: dict[str, list[Entry]] = {}
        for entry in entries:
            path = PurePosixPath(entry.name)
            for key in {entry.name, path.name, path.stem}:
                self._found.setdefault(key, []).append(entry)

    def locate(self, listed: Entry) -> Entry | None:
        """`listed` with the path and name of its file, or None where there is no such file.

        A file named after its segment as well, as in ID_000010_000020.mp4, was cut out already,
        so the entry then has no start and end.

        Raises:
            InputError: where several files fit.
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
            found = self._found.get(key, [])
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
    if "path" in table.columns:
        return _listing(
            table.path, [_row(table, at) for at in range(len(table.lines))], by_name=False
        )
    if "youtube_id" in table.columns:
        found = [_kinetics(table, at) for at in range(len(table.lines))]
        return _listing(table.path, found, by_name=True)
    raise InputError(
        f"list {str(table.path)!r} has columns {', '.join(table.columns)}; "
        "expected path (any footage) or youtube_id (Kinetics)"
    )


def _row(table: Table, index: int) -> Entry:
    row = parse_row(table, index, only=_GIVEN)
    return Entry(
        path=(table.path.absolute().parent / row.path),
        name=row.path,
        label=row.label,
        split=plain_split(row.split),
        group=row.group,
        start=row.start,
        end=row.end,
        columns=row.columns,
    )


def _kinetics(table: Table, index: int) -> Entry:
    """One line of label, youtube_id, time_start, time_end, split.

    The usual download cuts the segment out and names the file by it; a file that bears the plain
    id is the whole video, and `start` and `end` say where the segment lies.
    """
    line = dict(table.lines[index])
    names = {"time_start": "start", "time_end": "end"}
    renamed = {names.get(name, name): cell for name, cell in line.items()}
    renamed["path"] = renamed.pop("youtube_id")
    plain = replace(table, lines=(renamed,), numbers=(table.numbers[index],))
    return _row(plain, 0)


def _hmdb(source: Path, line: str, label: str) -> Entry:
    name, _, code = line.rpartition(" ")
    if code not in _HMDB_CODES or not name:
        raise InputError(f"list {str(source)!r} has line {line!r}; expected a name and 0, 1 or 2")
    return _named(source, name.strip(), label=label, split=_HMDB_CODES[code])


def _ucf(source: Path, line: str, split: str, classes: dict[str, str]) -> Entry:
    name, _, number = line.partition(" ")
    label = classes.get(number.strip(), "") or PurePosixPath(name).parent.name
    # Clips cut from one source video share the number after g: v_ApplyEyeMakeup_g08_c01.
    clip = re.fullmatch(r"(.+_g\d+)_c\d+", PurePosixPath(name).stem)
    return _named(source, name, label=label, split=split, group=clip[1] if clip else "")


def _ucf_classes(source: Path) -> dict[str, str]:
    if not source.is_file():
        return {}
    lines = source.read_text(encoding="utf-8").splitlines()
    pairs = [line.split() for line in lines if line.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise InputError(f"list {str(source)!r} must have a number and a class on every line")
    return {pair[0]: pair[1] for pair in pairs}


def _plain(source: Path, line: str) -> Entry:
    name, _, label = line.partition("\t") if "\t" in line else line.partition(" ")
    return _named(source, name, label=label.strip())


def _named(source: Path, name: str, *, label: str, split: str = "", group: str = "") -> Entry:
    path = source.absolute().parent / name
    return Entry(path=path, name=name, label=label, split=split, group=group)


def plain_split(text: str) -> str:
    """The split under the name that the manifest uses: training is train, and so on."""
    lower = text.strip().lower()
    return _SPLITS.get(lower, lower)
