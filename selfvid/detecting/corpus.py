"""Annotated videos, looked at, checked and parted into what is trained and what is tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from selfvid.data.annotations.annotations import (
    Activity,
    AnnotatedVideo,
    Annotations,
    Assume,
    check_assumption,
    read_annotations,
)
from selfvid.data.annotations.checks import Policy, Problem, Rules, checked, settle
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import Row
from selfvid.data.manifest.splits import folds as make_folds
from selfvid.data.video.decode import DecoderName
from selfvid.data.video.files import content_id
from selfvid.data.video.streaming import measure_length
from selfvid.errors import InputError


@dataclass(frozen=True)
class Wanted:
    """Which videos, and what is asked of their annotations.

    Attributes:
        annotations: the file.
        videos: folder that the videos lie in; None for that of `annotations`.
        assume: what may be taken for granted of activities.
        labels: activities that are looked for; None for all there are.
        frames: T of a clip.
        problems: whether what is wrong stops the work or is repaired.
        decoder: who decodes.
    """

    annotations: Path
    videos: Path | None
    assume: Assume
    labels: tuple[str, ...] | None
    frames: int
    problems: Policy
    decoder: DecoderName


@dataclass(frozen=True)
class Part:
    """One way to part the videos, by place.

    Attributes:
        name: of the fold.
        train: places of the videos that are trained on.
        test: of those that are tested on.
    """

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]


@dataclass(frozen=True)
class Recording:
    """A video that can be used.

    Attributes:
        video: with what is annotated of it.
        seconds: how long it is.
        id: its content id.
    """

    video: AnnotatedVideo
    seconds: float
    id: str


@dataclass(frozen=True, eq=False)
class Corpus:
    """Videos whose annotations can be used.

    Attributes:
        recordings: in the order of the annotations.
        labels: names of the K activities.
        problems: what was repaired.
    """

    recordings: tuple[Recording, ...]
    labels: tuple[str, ...]
    problems: tuple[Problem, ...]

    @cached_property
    def manifest(self) -> Manifest:
        """A row for each activity, which is what splits are balanced by."""
        rows = tuple(
            Row(
                path=str(recording.video.path),
                label=activity.label,
                split=recording.video.split,
                group=recording.video.group,
                start=activity.start,
                end=activity.end,
                video=recording.id,
            )
            for recording in self.recordings
            for activity in recording.video.activities
        )
        return Manifest(rows, Path())

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """What each video must stay on one side of a split with."""
        of = dict(
            zip(
                [row.path for row in self.manifest.rows], self.manifest.groups.tolist(), strict=True
            )
        )
        return tuple(of[str(recording.video.path)] for recording in self.recordings)

    def parts(self, folds: int | None, *, seed: int) -> tuple[Part, ...]:
        """The annotations' own split, or folds by group; no activity is in a test part alone.

        Raises:
            InputError: where that cannot be, as `selfvid.data.manifest.splits.folds` explains.
        """
        place = {str(each.video.path): at for at, each in enumerate(self.recordings)}
        of_row = np.array([place[row.path] for row in self.manifest.rows])
        return tuple(
            Part(
                fold.name,
                train=tuple(np.unique(of_row[fold.train]).tolist()),
                test=tuple(np.unique(of_row[fold.test]).tolist()),
            )
            for fold in make_folds(self.manifest, folds=folds, seed=seed)
        )

    def without(self, faults: Mapping[str, Problem]) -> Corpus:
        """The other videos, when those of some names proved unreadable."""
        kept = tuple(each for each in self.recordings if each.video.name not in faults)
        return Corpus(kept, self.labels, (*self.problems, *faults.values()))


def find_corpus(wanted: Wanted, *, quiet: bool = False) -> Corpus:
    """Read annotations, look at every video's length, and repair or refuse what is wrong.

    Raises:
        InputError: where something is wrong that must not be repaired, or nothing is left.
    """
    check_assumption(wanted.assume)
    if wanted.frames < 1:
        raise InputError(f"frames is {wanted.frames}; expected at least 1 in a clip")
    annotations = read_annotations(Path(wanted.annotations), videos=wanted.videos)
    _check_paths(annotations)
    bar = tqdm(annotations.videos, "looking", unit="video", disable=quiet)
    lengths = {v.name: measure_length(v.path, decoder=wanted.decoder) for v in bar}
    known = frozenset(wanted.labels or ()) or annotations.known
    rules = Rules(wanted.frames, wanted.assume, known)
    kept, problems = checked(annotations, lengths, rules)
    settle(problems, wanted.problems, source=str(annotations.source))
    if not kept.videos:
        raise InputError(
            f"annotations {str(annotations.source)!r} leave no video to use; the first problem: "
            f"{problems[0].words}"
        )
    recordings = tuple(
        Recording(video, lengths[video.name].seconds, content_id(video.path))
        for video in kept.videos
    )
    return Corpus(recordings, tuple(wanted.labels or kept.labels), problems)


def _check_paths(annotations: Annotations) -> None:
    """Two names of one file would let it stand on both sides of a split unseen."""
    names: dict[Path, str] = {}
    for video in annotations.videos:
        other = names.setdefault(video.path.absolute(), video.name)
        if other != video.name:
            raise InputError(
                f"{video.place}: {video.name!r} and {other!r} are the same file; expected one name"
            )


def clip_labels(
    times: NDArray[np.float64],
    activities: Sequence[Activity],
    *,
    labels: Sequence[str],
    several: bool,
) -> Tensor:
    """The class of every clip; a clip shows what at least half of its frames show.

    Args:
        times: seconds of each frame of each clip, (clips, T).
        activities: of the video.
        labels: names of the K activities.
        several: whether several may go on at once.

    Returns:
        Where several may, 0 or 1 for each activity, int64 (clips, K). Else int64 (clips,): 0
        where fewer than half of the frames lie in any activity, and otherwise 1 + the number of
        the activity that most of them lie in.
    """
    inside = np.zeros((len(labels), *times.shape), bool)
    for activity in activities:
        during = (times >= activity.start) & (times < activity.end)
        inside[labels.index(activity.label)] |= during
    frames = inside.sum(-1)  # (K, clips)
    if several:
        return torch.from_numpy((2 * frames >= times.shape[1]).T.astype(np.int64))
    covered = inside.any(0).sum(-1)
    found = np.where(2 * covered >= times.shape[1], 1 + frames.argmax(0), 0)
    return torch.from_numpy(found.astype(np.int64))
