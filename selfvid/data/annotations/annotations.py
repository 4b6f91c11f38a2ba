"""Which activities untrimmed videos show, and when."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from selfvid.data.manifest.tables import Table, read_table
from selfvid.data.video.files import VIDEO_SUFFIXES
from selfvid.errors import InputError

Assume = Literal["one_per_video", "one_at_a_time", "overlapping"]
"""What may be taken for granted of activities: all of one video are the same, as Montes et al.
have it; or they follow one another; or neither."""

ASSUMPTIONS: tuple[Assume, ...] = ("one_per_video", "one_at_a_time", "overlapping")


@dataclass(frozen=True)
class Activity:
    """Something that goes on for a while.

    Attributes:
        start: second at which it begins.
        end: second at which it is over.
        label: what it is.
        place: where the list of annotations says so.
    """

    start: float
    end: float
    label: str
    place: str = ""


@dataclass(frozen=True)
class AnnotatedVideo:
    """One untrimmed video.

    Attributes:
        name: by which the list of annotations calls it.
        path: where it should lie.
        activities: in order of time.
        split: "train", "test", "val" or "".
        group: videos of one group never straddle a split; "" where the video stands alone.
        duration: seconds, as the list says; None where it does not.
        place: where the list speaks of it first.
    """

    name: str
    path: Path
    activities: tuple[Activity, ...]
    split: str = ""
    group: str = ""
    duration: float | None = None
    place: str = ""


@dataclass(frozen=True)
class Annotations:
    """Untrimmed videos and what they show.

    Attributes:
        source: the file that says so.
        videos: in its order.
        known: labels that there are by the file's own word; empty where it does not say.
    """

    source: Path
    videos: tuple[AnnotatedVideo, ...]
    known: frozenset[str] = frozenset()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that occur, in alphabetical order."""
        found = {activity.label for video in self.videos for activity in video.activities}
        return tuple(sorted(found))


def check_assumption(assume: str) -> None:
    """Raise an InputError unless `assume` is one of `ASSUMPTIONS`."""
    if assume not in ASSUMPTIONS:
        raise InputError(f"assume is {assume!r}; expected one of {', '.join(ASSUMPTIONS)}")


_NEEDED = ("video", "start", "end", "label")
_SUBSETS = {"training": "train", "validation": "val", "testing": "test"}
_SCHEME = 'expected ActivityNet\'s: {"database": {ID: {"subset", "duration", "annotations"}}}'


def read_annotations(source: Path, *, videos: Path | None = None) -> Annotations:
    """The annotations in `source`, as they stand; `checked` says what is wrong with them.

    A CSV has columns video, start, end, label, and may have split, group and duration; a line
    whose start, end and label are empty names a video with no activity. Of ActivityNet's JSON the
    videos of subset testing without annotations are left out: what they show is not published.

    Args:
        source: .csv, .parquet, or .json.
        videos: folder that the videos lie in; by default that of `source`.

    Raises:
        InputError: where there is no such file, it is of another scheme, or a cell is no number.
    """
    if not source.is_file():
        raise InputError(f"annotations {str(source)!r} do not exist; expected a .csv or .json file")
    folder = source.absolute().parent if videos is None else videos
    if not folder.is_dir():
        raise InputError(f"videos is {str(folder)!r}; expected a folder")
    read = _from_json if source.suffix == ".json" else _from_table
    found = read(source, folder)
    if not found.videos:
        raise InputError(f"annotations {str(source)!r} name no video; expected at least one")
    return found


def _from_table(source: Path, folder: Path) -> Annotations:
    table = read_table(source)
    for name in _NEEDED:
        if name not in table.columns:
            raise InputError(
                f"annotations {str(source)!r} have no column {name!r}; "
                f"expected {', '.join(_NEEDED)}"
            )
    lines: dict[str, list[int]] = {}
    for index, line in enumerate(table.lines):
        if not line["video"]:
            raise InputError(f"{table.place(index)}: video is empty; expected a file")
        lines.setdefault(line["video"], []).append(index)
    videos = tuple(_video_of_lines(table, name, indices, folder) for name, indices in lines.items())
    return Annotations(source, videos)


def _video_of_lines(table: Table, name: str, indices: list[int], folder: Path) -> AnnotatedVideo:
    activities = []
    for index in indices:
        line = table.lines[index]
        if line["start"] or line["end"] or line["label"]:
            start, end = (
                _second(line[cell], cell, table.place(index)) for cell in ("start", "end")
            )
            activities.append(Activity(start, end, line["label"].strip(), table.place(index)))
    duration = _of_video(table, indices, "duration")
    return AnnotatedVideo(
        name=name,
        path=folder / name,
        activities=_in_time(activities),
        split=_of_video(table, indices, "split"),
        group=_of_video(table, indices, "group"),
        duration=_second(duration, "duration", table.place(indices[0])) if duration else None,
        place=table.place(indices[0]),
    )


def _of_video(table: Table, indices: list[int], column: str) -> str:
    """The one text that the lines of a video have in `column`."""
    texts = [table.lines[index].get(column, "") for index in indices]
    for index, text in zip(indices, texts, strict=True):
        if text != texts[0]:
            raise InputError(
                f"{table.place(index)}: {column} is {text!r} where the video's first line has "
                f"{texts[0]!r}; expected one for a whole video"
            )
    return texts[0]


def _from_json(source: Path, folder: Path) -> Annotations:
    try:
        plain = json.loads(source.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"annotations {str(source)!r} are no JSON: {error}") from None
    database = plain.get("database") if isinstance(plain, dict) else None
    if not isinstance(database, dict):
        raise InputError(f"annotations {str(source)!r} are of another scheme; {_SCHEME}")
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file():
            files[path.stem].append(path)
    videos = []
    for name, entry in database.items():
        place = f"{source} video {name!r}"
        try:
            video = _video_of_entry(name, entry, files, folder, place)
        except (LookupError, TypeError, AttributeError) as error:
            raise InputError(f"{place} is of another scheme ({error!r}); {_SCHEME}") from None
        if video.activities or video.split != "test":
            videos.append(video)
    taxonomy = plain.get("taxonomy") or []
    known = {str(node["nodeName"]) for node in taxonomy if _is_node(node)}
    return Annotations(source, tuple(videos), frozenset(known))


def _video_of_entry(
    name: str, entry: Mapping[str, Any], files: Mapping[str, list[Path]], folder: Path, place: str
) -> AnnotatedVideo:
    # As they are published, and as the official downloader calls them.
    there = [*files.get(name, ()), *files.get(f"v_{name}", ())]
    if len(there) > 1:
        raise InputError(f"{place}: {there[0]} and {there[1]} are both there; expected one of them")
    activities = []
    for number, part in enumerate(entry["annotations"], start=1):
        here = f"{place} annotation {number}"
        if len(part["segment"]) != 2:
            raise InputError(f"{here}: segment is {part['segment']}; expected start and end")
        start, end = (_second(second, "segment", here) for second in part["segment"])
        activities.append(Activity(start, end, str(part["label"]).strip(), here))
    subset = str(entry["subset"])
    duration = entry.get("duration")
    return AnnotatedVideo(
        name=name,
        path=there[0] if there else folder / f"{name}.mp4",
        activities=_in_time(activities),
        split=_SUBSETS.get(subset, subset),
        duration=None if duration is None else _second(duration, "duration", place),
        place=place,
    )


def _is_node(node: Any) -> bool:
    return isinstance(node, dict) and "nodeName" in node


def _second(value: Any, name: str, place: str) -> float:
    try:
        second = float(value)
    except (TypeError, ValueError):
        second = math.nan
    if not math.isfinite(second):
        raise InputError(f"{place}: {name} is {value!r}; expected a number of seconds")
    return second


def _in_time(activities: list[Activity]) -> tuple[Activity, ...]:
    return tuple(sorted(activities, key=lambda activity: (activity.start, activity.end)))
