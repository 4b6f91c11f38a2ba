"""Every video of a manifest, once and in order, for evaluation.

Nothing stands in for a video that cannot be read: it is handed on with its fault, to be counted
and named. Long videos come in parts, so that memory does not grow with their length.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.clips.loader import ClipDataset, ClipLoader
from selfvid.data.clips.sampling import Sampling, Timeline
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import BrokenDecoderError, DecoderName
from selfvid.data.video.guard import Board
from selfvid.errors import InputError
from selfvid.types import Clip

PART = 32  # clips that are held at once
_TIMEOUT = 300.0  # seconds without a clip after which a worker counts as hung


@dataclass(frozen=True)
class Read:
    """Some clips of one video.

    Attributes:
        row: index of the video in the manifest.
        first: how many clips of the video came before these.
        last: whether no more of the video will come.
        clips: none where the video could not be read or is too short.
        fault: one line that says why, or "".
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
) -> Iterator[Read]:
    """The clips of every row in order.

    Args:
        manifest: the rows to read.
        sampling: which frames make the clips; no chance may be involved.
        size: (H, W) to resize to while decoding.
        decoder: who decodes.
        workers: processes that read ahead; 0 reads in this one.

    Raises:
        InputError: where the decoder is broken, a worker hangs, or every video is too short.
    """
    clips = ClipDataset(manifest, sampling, size=size, decoder=decoder, faults=FaultPolicy(share=0))
    ahead: dict[str, Any] = {}
    if workers:
        clips.board = Board(workers)
        ahead = {"timeout": _TIMEOUT}
    loader = ClipLoader(_Parts(clips), batch_size=None, num_workers=workers, **ahead)
    for read in cast("Iterator[Read | BrokenDecoderError]", iter(loader)):
        if isinstance(read, BrokenDecoderError):
            raise read
        yield read


@dataclass(frozen=True)
class _Part(Sampling):
    """Some of the clips that another rule picks."""

    rule: Sampling
    first: int
    past: int | None

    @property
    def length(self) -> int:
        return self.rule.length

    def choose(self, timeline: Timeline, rng: np.random.Generator) -> NDArray[np.int64]:
        return self.rule.choose(timeline, rng)[self.first : self.past]


class _Parts(Dataset[Any]):
    """Videos of few clips are one item, others one item for each part of their clips."""

    def __init__(self, dataset: ClipDataset) -> None:
        self.dataset = dataset
        self._items = [
            (row, first, first + PART >= count)
            for row, count in enumerate(_clip_counts(dataset))
            for first in range(0, max(count, 1), PART)
        ]

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, item: int) -> Read | BrokenDecoderError:
        row, first, last = self._items[item]
        part = copy.copy(self.dataset)
        part.sampling = _Part(self.dataset.sampling, first, None if last else first + PART)
        try:
            clips = part[row].clips
        except BrokenDecoderError as error:
            return error
        except InputError as error:
            return Read(row, first, last, (), str(error))
        fault = "" if clips or first else f"{self._path(row)}: shorter than a clip"
        return Read(row, first, last, tuple(clips), fault)

    def _path(self, row: int) -> str:
        return self.dataset.manifest.rows[row].path


def _clip_counts(dataset: ClipDataset) -> list[int]:
    """How many clips each row will give, by what the manifest says of it; 1 where unknown."""
    rng = np.random.default_rng(0)
    return [
        len(
            dataset.sampling.choose(
                Timeline(row.frames, row.rate or 1.0, None, row.start, row.end), rng
            )
        )
        if row.frames
        else 1
        for row in dataset.manifest.rows
    ]
