"""Read which activities untrimmed videos show, and when, from a table or ActivityNet's JSON.

An untrimmed video is a long recording in which activities begin and end, with other things between
them.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from selfvid.data.manifest.tables import Table, read_table
from selfvid.data.video.files import VIDEO_SUFFIXES, is_hidden
from selfvid.errors import InputError

Assume = Literal["one_per_video", "one_at_a_time", "overlapping"]
"""What is assumed of the activities of a video: all have the same label (one_per_video), as Montes
et al. (2016) assume; no two happen at the same time (one_at_a_time); or nothing (overlapping)."""

ASSUMPTIONS: tuple[Assume, ...] = get_args(Assume)

_COLUMNS = ("video", "start", "end", "label")  # that a table must have
# ActivityNet's names of the parts of a split, and ours.
_SUBSETS = {"training": "train", "validation": "val", "testing": "test"}
_SCHEME = 'expected ActivityNet\'s: {"database": {ID: {"subset", "duration", "annotations"}}}'


@dataclass(frozen=True)
class Activity:
    """An activity in a video, from one second to another.

    Attributes:
        start: second at which it begins.
        end: second at which it ends.
        label: name of the activity.
        place: file and line, or entry, of the annotation, for messages.
    """

    start: float
    end: float
    label: str
    place: str = ""


@dataclass(frozen=True)
class AnnotatedVideo:
    """One untrimmed video and its activities.

    Attributes:
        name: the video's name in the annotations.
        path: where the video file is expected.
        activities: the activities in order of time.
        split: "train", "test", "val" or "".
        group: videos of one group are always on the same side of a split; "" if the video belongs
            to no group.
        duration: seconds according to the annotations, or None if they do not say.
        place: file and line, or entry, that names the video first, for messages.
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
    """The annotations of untrimmed videos.

    Attributes:
        source: the file that they were read from.
        videos: the videos in the order of the file.
        known: labels that the file lists in a taxonomy; empty if it has none.
    """

    source: Path
    videos: tuple[AnnotatedVideo, ...]
    known: frozenset[str] = frozenset()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that occur in the videos, in alphabetical order."""
        found = {activity.label for video in self.videos for activity in video.activities}
        return tuple(sorted(found))


def check_assumption(assume: str) -> None:
    """Raise an InputError unless `assume` is one of `ASSUMPTIONS`."""
    if assume not in ASSUMPTIONS:
        raise InputError(f"assume is {assume!r}; expected one of {', '.join(ASSUMPTIONS)}")


def read_annotations(source: Path, *, videos: Path | None = None) -> Annotations:
    """Return the annotations in `source` unchanged; `checks.checked` finds what is wrong with them.

    A table has columns video, start, end, label, and may have split, group and duration; a line
    whose start, end and label are empty names a video without activities. Videos of ActivityNet's
    subset testing that have no annotations are left out, because theirs are not published.

    Args:
        source: .csv, .parquet, or .json.
        videos: folder of the video files; by default that of `source`.

    Raises:
        InputError: If the file does not exist or has another scheme, or a cell is not a number.
    """
    if not source.is_file():
        raise InputError(f"annotations {str(source)!r} do not exist; expected a .csv or .json file")
    folder = source.absolute().parent if videos is None else videos
    if not folder.is_dir():
        raise InputError(f"videos is {str(folder)!r}; expected a folder")
    found = (_from_json if source.suffix == ".json" else _from_table)(source, folder)
    if not found.videos:
        raise InputError(f"annotations {str(source)!r} name no video; expected at least one")
    return found


def _from_table(source: Path, folder: Path) -> Annotations:
    table = read_table(source)
    for name in _COLUMNS:
        if name not in table.columns:
            raise InputError(
                f"annotations {str(source)!r} have no column {name!r}; "
                f"expected {', '.join(_COLUMNS)}"
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
    """Return the text in `column` that all lines of a video must share."""
    texts = [table.lines[index].get(column, "") for index in indices]
    for index, text in zip(indices, texts, strict=True):
        if text != texts[0]:
            raise InputError(
                f"{table.place(index)}: {column} is {text!r}, but the video's first line has "
                f"{texts[0]!r}; expected the same {column} on all lines of a video"
            )
    return texts[0]


def _from_json(source: Path, folder: Path) -> Annotations:
    try:
        plain = json.loads(source.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"annotations {str(source)!r} are not JSON: {error}") from None
    database = plain.get("database") if isinstance(plain, dict) else None
    if not isinstance(database, dict):
        raise InputError(f"annotations {str(source)!r} are of another scheme; {_SCHEME}")
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        is_video = path.suffix.lower() in VIDEO_SUFFIXES and not is_hidden(path.name)
        if is_video and path.is_file():
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
    labels = {
        str(node["nodeName"]) for node in taxonomy if isinstance(node, dict) and "nodeName" in node
    }
    return Annotations(source, tuple(videos), frozenset(labels))


def _video_of_entry(
    name: str, entry: Mapping[str, Any], files: Mapping[str, list[Path]], folder: Path, place: str
) -> AnnotatedVideo:
    # A file may have the published name, or the name that the official downloader gives it.
    found = [*files.get(name, ()), *files.get(f"v_{name}", ())]
    if len(found) > 1:
        raise InputError(f"{place}: {found[0]} and {found[1]} both exist; expected one of them")
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
        path=found[0] if found else folder / f"{name}.mp4",
        activities=_in_time(activities),
        split=_SUBSETS.get(subset, subset),
        duration=None if duration is None else _second(duration, "duration", place),
        place=place,
    )


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
