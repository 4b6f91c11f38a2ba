"""Annotated videos: read, checked, and split into training and test videos."""

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
class CorpusOptions:
    """Which videos to use, and how to check their annotations.

    Attributes:
        annotations: the file with the annotations.
        videos: the folder of the videos; None for the folder of `annotations`.
        assume: whether a video shows one activity, one at a time, or several that overlap.
        labels: the activities to detect; None for all that occur.
        frames: T, the frames of a clip.
        problems: whether problems in the annotations stop the work ("stop") or are repaired
            ("repair").
        decoder: the decoder to use.
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
    """One fold: which videos are for training and which are for testing.

    Attributes:
        name: name of the fold.
        train: indices of the training videos in `Corpus.recordings`.
        test: indices of the test videos.
    """

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]


@dataclass(frozen=True)
class Recording:
    """A video that can be used.

    Attributes:
        video: the video with its annotations.
        seconds: its length.
        id: its content id.
    """

    video: AnnotatedVideo
    seconds: float
    id: str


@dataclass(frozen=True, eq=False)
class Corpus:
    """The videos that can be used, with their annotations.

    Attributes:
        recordings: the videos, in the order of the annotations.
        labels: names of the K activities.
        problems: the problems that were repaired.
    """

    recordings: tuple[Recording, ...]
    labels: tuple[str, ...]
    problems: tuple[Problem, ...]

    @cached_property
    def manifest(self) -> Manifest:
        """A manifest with a row for each activity, from which balanced folds are made."""
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
        """The group of each video; the videos of one group are all for training or all for test."""
        paths = [row.path for row in self.manifest.rows]
        group_of = dict(zip(paths, self.manifest.groups.tolist(), strict=True))
        return tuple(group_of[str(recording.video.path)] for recording in self.recordings)

    def parts(self, folds: int | None, *, seed: int) -> tuple[Part, ...]:
        """Return the split that the annotations contain, or folds that keep groups together.

        Args:
            folds: number of folds; None for the split of the annotations, or 5 folds if there is
                none.
            seed: seed of the folds.

        Raises:
            InputError: If `selfvid.data.manifest.splits.folds` cannot make such folds; for
                example, each activity must occur among the training videos of each fold.
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
        """Return this corpus without some videos.

        Args:
            faults: name of each video to leave out, and the problem with it.
        """
        kept = tuple(each for each in self.recordings if each.video.name not in faults)
        return Corpus(kept, self.labels, (*self.problems, *faults.values()))


def find_corpus(options: CorpusOptions, *, quiet: bool = False) -> Corpus:
    """Read the annotations, measure every video, and repair problems if the options allow it.

    Raises:
        InputError: If an option is wrong, there is a problem that must not be repaired, or no
            video is left.
    """
    check_assumption(options.assume)
    if options.frames < 1:
        raise InputError(f"frames is {options.frames}; expected at least 1 in a clip")
    annotations = read_annotations(Path(options.annotations), videos=options.videos)
    _check_paths(annotations)
    bar = tqdm(annotations.videos, "measuring", unit="video", disable=quiet)
    lengths = {v.name: measure_length(v.path, decoder=options.decoder) for v in bar}
    labels = frozenset(options.labels or ()) or annotations.known
    rules = Rules(options.frames, options.assume, labels)
    kept, problems = checked(annotations, lengths, rules)
    settle(problems, options.problems, source=str(annotations.source))
    if not kept.videos:
        raise InputError(
            f"annotations {str(annotations.source)!r} leave no video to use; the first problem: "
            f"{problems[0].words}"
        )
    recordings = tuple(
        Recording(video, lengths[video.name].seconds, content_id(video.path))
        for video in kept.videos
    )
    return Corpus(recordings, tuple(options.labels or kept.labels), problems)


def clip_labels(
    times: NDArray[np.float64],
    activities: Sequence[Activity],
    *,
    labels: Sequence[str],
    several: bool,
) -> Tensor:
    """Return the label of every clip, which is what at least half of its frames show.

    Args:
        times: seconds of each frame of each clip, (clips, T).
        activities: the activities of the video.
        labels: names of the K activities.
        several: whether several activities may go on at the same time.

    Returns:
        If several may go on: 0 or 1 for each activity, int64 (clips, K). Otherwise the class of
        each clip, int64 (clips,): 0 if fewer than half of its frames lie in any activity, else 1 +
        the index of the activity that contains most of them.
    """
    inside = np.zeros((len(labels), *times.shape), bool)  # (K, clips, T)
    for activity in activities:
        during = (times >= activity.start) & (times < activity.end)
        inside[labels.index(activity.label)] |= during
    frames = inside.sum(-1)  # (K, clips)
    if several:
        return torch.from_numpy((2 * frames >= times.shape[1]).T.astype(np.int64))
    covered = inside.any(0).sum(-1)  # (clips,)
    classes = np.where(2 * covered >= times.shape[1], 1 + frames.argmax(0), 0)
    return torch.from_numpy(classes.astype(np.int64))


def _check_paths(annotations: Annotations) -> None:
    """Refuse two names of one file: the file could be a training and a test video at once."""
    names: dict[Path, str] = {}
    for video in annotations.videos:
        other = names.setdefault(video.path.absolute(), video.name)
        if other != video.name:
            raise InputError(
                f"{video.place}: {video.name!r} and {other!r} are the same file; expected one name"
            )
