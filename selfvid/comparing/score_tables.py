"""Reading the score tables of several runs, and matching their videos and classes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.manifest import Manifest
from selfvid.errors import InputError
from selfvid.results.scores import SCORES, Scores

PLACES = (SCORES, f"probe/{SCORES}")
"""Where the scores of a run are looked for, in this order."""


@dataclass(frozen=True, eq=False)
class Scored:
    """A score table with its name.

    Attributes:
        name: the name of the run, as the user gave it.
        path: the file.
        scores: the table in the file, or a part of it.
    """

    name: str
    path: Path
    scores: Scores

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the most probable class is the true class, bool (N,)."""
        return np.asarray(self.scores.predicted == self.scores.labels)

    def about(self) -> dict[str, Any]:
        """Return name, file and hash of the file, as plain data."""
        data = self.path.read_bytes() if self.path.is_file() else b""
        digest = hashlib.blake2b(data, digest_size=8).hexdigest() if data else None
        return {"name": self.name, "file": str(self.path), "hash": digest}


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of videos; videos of one group depend on each other and are resampled together.

    Attributes:
        names: the group of each video, (N,).
        source: where the groups come from, in words.
        known: whether the groups come from a manifest.
    """

    names: NDArray[np.str_]
    source: str
    known: bool

    @property
    def count(self) -> int:
        """Number of groups."""
        return len(np.unique(self.names))

    @property
    def caution(self) -> str | None:
        """A warning if every video is a group of its own; None if a manifest gave the groups."""
        if self.known:
            return None
        return (
            "every video was taken for a group of its own, so intervals are too narrow if "
            "videos resemble each other: give --data MANIFEST"
        )


def read_scored(run: Path) -> Scored:
    """Read the scores of a run.

    Args:
        run: a run's folder, or a score table itself.

    Raises:
        InputError: If there are no scores.
    """
    path = scores_file(Path(run))
    return Scored(str(run), path, Scores.read(path))


def read_all(runs: Sequence[Path]) -> list[Scored]:
    """Read the scores of every run.

    Raises:
        InputError: If a run has no scores, or is named twice.
    """
    check_different(runs)
    return [read_scored(run) for run in runs]


def check_different(runs: Sequence[Path]) -> None:
    """Raise an InputError if a run is named twice."""
    places = [Path(run).resolve() for run in runs]
    for place, run in enumerate(runs):
        if places[place] in places[:place]:
            raise InputError(f"run {str(run)!r} is named twice; expected different runs")


def scores_file(run: Path) -> Path:
    """Return the file with the scores of `run`, which is a folder or the file itself.

    Raises:
        InputError: If there are no scores.
    """
    if run.is_dir():
        for place in PLACES:
            if (run / place).is_file():
                return run / place
        raise InputError(
            f"run {str(run)!r} has no scores; expected {' or '.join(PLACES)} in it, which "
            "`selfvid finetune` and `selfvid probe` leave"
        )
    if not run.is_file():
        raise InputError(
            f"run {str(run)!r} does not exist; expected a run's folder or a scores.csv"
        )
    return run


def same_classes(tables: Sequence[Scored]) -> list[Scored]:
    """Return the tables with the columns in the order of the first table.

    Raises:
        InputError: If a class is missing in one of the tables.
    """
    first = tables[0]
    classes = first.scores.classes
    for other in tables[1:]:
        for one, two in ((first, other), (other, first)):
            for name in one.scores.classes:
                if name not in two.scores.classes:
                    raise InputError(
                        f"class {name!r} of {one.name} is not in {two.name}; expected the same "
                        "classes in every run"
                    )
    return [
        replace(each, scores=_picked(each.scores, each.scores.videos, classes)) for each in tables
    ]


def matched(tables: Sequence[Scored], *, common: bool = False) -> list[Scored]:
    """Return the tables with the same videos and classes, in the order of the first table.

    Args:
        tables: one table for each run.
        common: leave out videos that not all tables have.

    Raises:
        InputError: If the tables differ in classes, videos or labels; the message names the first
            difference.
    """
    ordered = same_classes(tables)
    first, *others = ordered
    shared = set(first.scores.videos).intersection(*(other.scores.videos for other in others))
    if not shared:
        raise InputError(f"{first.name} and {others[0].name} have no video in common")
    if not common:
        for other in others:
            _check_videos(first, other)
    videos = tuple(video for video in first.scores.videos if video in shared)
    kept = [
        replace(each, scores=_picked(each.scores, videos, first.scores.classes)) for each in ordered
    ]
    for other in kept[1:]:
        _check_labels(kept[0], other)
    return kept


def left_out(before: Sequence[Scored], after: Sequence[Scored]) -> int:
    """Return the number of videos that matching left out.

    Args:
        before: the tables before matching.
        after: the tables after matching.
    """
    had = {video for each in before for video in each.scores.videos}
    return len(had - set(after[0].scores.videos))


def find_groups(videos: Sequence[str], data: Path | str | None) -> Groups:
    """Return the group of each video.

    Args:
        videos: ids as in a score table: content ids, with the seconds of a segment if it is one.
        data: manifest with the groups. Without one, each video file is a group of its own, with
            all its segments.

    Raises:
        InputError: If the manifest lacks a video.
    """
    contents = [video.partition("@")[0] for video in videos]
    if data is None:
        return Groups(np.array(contents), "every video file by itself", known=False)
    manifest = Manifest.read(data)
    rows = zip(manifest.rows, manifest.groups.tolist(), strict=True)
    group_of = {row.video: group for row, group in rows}
    for content in contents:
        if content not in group_of:
            raise InputError(
                f"video {content!r} of the scores is not in {str(data)!r}; expected the manifest "
                "that was tested on"
            )
    names = np.array([group_of[content] for content in contents])
    return Groups(names, f"groups of {data}", known=True)


def _picked(scores: Scores, videos: tuple[str, ...], classes: tuple[str, ...]) -> Scores:
    """Return the rows of `videos`, with the columns in the order of `classes`."""
    row_of = {video: row for row, video in enumerate(scores.videos)}
    rows = np.array([row_of[video] for video in videos], dtype=np.int64)
    columns = np.array([scores.classes.index(name) for name in classes])
    return Scores(
        videos=videos,
        labels=np.argsort(columns)[scores.labels[rows]],
        classes=classes,
        probabilities=scores.probabilities[rows][:, columns],  # (N, K)
    )


def _check_videos(first: Scored, other: Scored) -> None:
    """Raise an InputError if a video is in one of two tables only."""
    of_first, of_other = set(first.scores.videos), set(other.scores.videos)
    different = len(of_first ^ of_other)
    for one, two, others in ((first, other, of_other), (other, first, of_first)):
        for video in one.scores.videos:
            if video not in others:
                raise InputError(
                    f"video {video!r} of {one.name} is not in {two.name} ({different} differ); "
                    "expected the same videos, or --common for those that all have"
                )


def _check_labels(first: Scored, other: Scored) -> None:
    """Raise an InputError if a video has different labels in two matched tables."""
    classes = first.scores.classes
    for row in np.nonzero(first.scores.labels != other.scores.labels)[0][:1].tolist():
        one, two = classes[first.scores.labels[row]], classes[other.scores.labels[row]]
        raise InputError(
            f"video {first.scores.videos[row]!r} is {one!r} in {first.name} and {two!r} in "
            f"{other.name}; expected the same label"
        )
