"""Readers of the clips of every video of a manifest, once and in order, for evaluation.

A video that cannot be read is not replaced by another: its `Read` has a fault, so that it can be
counted and named. Long videos come in parts, so that memory does not grow with their length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from torch.utils.data import Dataset

from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.clips.loader import ClipDataset, ClipLoader
from selfvid.data.clips.sampling import Indices, Sampling, Timeline
from selfvid.data.clips.workers import share
from selfvid.data.flow.origin import FlowReading
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import BrokenDecoderError, DecoderName
from selfvid.data.video.guard import Board
from selfvid.errors import InputError
from selfvid.types import Clip

PART = 32  # clips of one video in memory at once: 16 frames of 112x112 are 20 MB then
_TIMEOUT = 300.0  # seconds without a clip until a worker counts as hung: decoding is far faster


@dataclass(frozen=True)
class Read:
    """Some clips of one video.

    Attributes:
        row: index of the video in the manifest.
        first: number of clips of the video that came before these.
        last: whether these are the last clips of the video.
        clips: empty if the video could not be read or is too short.
        fault: one line that says why there are no clips, or "".
    """

    row: int
    first: int
    last: bool
    clips: tuple[Clip, ...]
    fault: str = ""


def read_clips(
    manifest: Manifest,
    sampling: Sampling,
    *,
    size: tuple[int, int],
    decoder: DecoderName = "auto",
    workers: int = 0,
    flow: FlowReading | None = None,
) -> Iterator[Read]:
    """Yield the clips of every row of a manifest, in order.

    Args:
        manifest: the rows to read.
        sampling: the rule that chooses the frames of the clips; it must not be random.
        size: (H, W) to which frames are resized while they are decoded.
        decoder: the decoder to use.
        workers: number of processes that read ahead; 0 reads in this process.
        flow: read optical flow, not pixels; its fields have the size `size`.

    Raises:
        InputError: If the decoder is broken, a worker hangs, every video is too short, or a folder
            of flow lacks a video.
    """
    clips = _dataset(manifest, sampling, size=size, decoder=decoder, flow=flow)
    if flow is not None and not flow.workers_allowed:
        workers = 0
    ahead: dict[str, Any] = {}
    if workers:
        clips.board = Board(workers)
        ahead = {"timeout": _TIMEOUT}
    loader = ClipLoader(_Parts(clips), batch_size=None, num_workers=workers, **ahead)
    try:
        for read in cast("Iterator[Read | BrokenDecoderError]", iter(loader)):
            if isinstance(read, BrokenDecoderError):
                raise read
            yield read
    finally:
        clips.close()


def _dataset(
    manifest: Manifest,
    sampling: Sampling,
    *,
    size: tuple[int, int],
    decoder: DecoderName,
    flow: FlowReading | None,
) -> ClipDataset:
    """Return the data set of clips of pixels, or of flow; a video is never replaced by another."""
    faults = FaultPolicy(share=0)
    if flow is None:
        return ClipDataset(manifest, sampling, size=size, decoder=decoder, faults=faults)
    return flow.clips(manifest, sampling, size=size, decoder=decoder, faults=faults)


@dataclass
class _Part(Sampling):
    """The clips from `first` up to but not including `past` of those that `rule` chooses.

    What the rule chooses along a timeline is remembered until another timeline comes, so that the
    parts of one video cost one choice.
    """

    rule: Sampling
    first: int = 0
    past: int | None = None
    _known: tuple[Timeline, Indices] | None = field(default=None, repr=False)

    @property
    def length(self) -> int:
        return self.rule.length

    def choose(self, timeline: Timeline, rng: np.random.Generator) -> Indices:
        if self._known is None or not _same(self._known[0], timeline):
            self._known = timeline, self.rule.choose(timeline, rng)
        return self._known[1][self.first : self.past]


def _same(one: Timeline, other: Timeline) -> bool:
    """Return whether two timelines are of one segment of one open video."""
    ends = [(line.frames, line.rate, line.start, line.end) for line in (one, other)]
    return ends[0] == ends[1] and one.times is other.times


class _Parts(Dataset[Any]):
    """A data set with one item for every `PART` clips of a video."""

    def __init__(self, dataset: ClipDataset) -> None:
        self.dataset = dataset
        self._part = _Part(dataset.sampling)
        self._items = [
            (row, first, first + PART >= count)
            for row, count in enumerate(_clip_counts(dataset))
            for first in range(0, max(count, 1), PART)
        ]
        dataset.sampling, dataset.keep_open = self._part, True

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, item: int) -> Read | InputError:
        row, first, last = self._items[item]
        self._part.first, self._part.past = first, None if last else first + PART
        try:
            clips = self.dataset[row].clips
        except BrokenDecoderError as error:
            return error  # returned, because a worker process would lose its type
        except InputError as error:
            return Read(row, first, last, (), str(error))
        try:
            share([each for clip in clips for each in (clip.frames, clip.times, clip.places)])
        except InputError as error:
            return error
        path = self.dataset.manifest.rows[row].path
        fault = "" if clips or first else f"{path}: shorter than a clip"
        return Read(row, first, last, tuple(clips), fault)


def _clip_counts(dataset: ClipDataset) -> list[int]:
    """Return how many clips each row will give, from what the manifest says; 1 if unknown."""
    rng = np.random.default_rng(0)
    return [
        len(dataset.sampling.choose(dataset.timeline(row), rng)) if row.frames else 1
        for row in dataset.manifest.rows
    ]
