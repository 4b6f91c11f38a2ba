"""Flow of one video: decode, estimate, write, in bounded memory; what a child process does."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfvid.data.flow.folder import FlowWriter
from selfvid.data.video.decode import DecodeError, DecoderName, VideoReader, open_video
from selfvid.data.video.reader import Frames
from selfvid.errors import InputError
from selfvid.flow.estimate import FlowEstimator, limited_threads
from selfvid.flow.quantise import Direction, default_bound, flow_step, quantise
from selfvid.saving.recorded import build

# Fields of one run, and their pixels together: what stays in a processor's cache is done soonest.
_FIELDS, _PIXELS = 32, 2**20


class FlowFault(Exception):
    """Why one video has no flow, in words."""


@dataclass(frozen=True, kw_only=True)
class FlowOfVideo:
    """What one video's flow turned out to be.

    Attributes:
        frames: of the video, or of the part that was looked at.
        height: pixels of the fields.
        width: pixels of the fields.
        bound: pixels.
        clipped: share of values beyond the bound, by direction.
        seconds: that it took from when the first frames were decoded.
    """

    frames: int
    height: int
    width: int
    bound: float
    clipped: dict[str, float]
    seconds: float


def compute_flow_of(
    path: str | Path,
    files: Mapping[Direction, str | Path],
    *,
    estimator: FlowEstimator,
    decoder: DecoderName = "auto",
    known_frames: int = 0,
    size: tuple[int, int] | None = None,
    bound: float | None = None,
    threads: int = 1,
    sample: int | None = None,
) -> FlowOfVideo:
    """Write the flow of one video.

    Args:
        path: the video.
        files: the file to write for each direction.
        estimator: who estimates.
        decoder: who decodes.
        known_frames: number of frames by the manifest, 0 where it does not tell.
        size: (H, W) that frames are resized to while they are decoded; None is the native size.
        bound: in pixels; None takes a sixteenth of the longer side.
        threads: that decoding and estimating may use.
        sample: only so many fields, from the middle of the video; None makes all.

    Raises:
        FlowFault: where the video gives no flow.
    """
    try:
        with (
            limited_threads(threads),
            open_video(
                path,
                decoder=decoder,
                size=size,
                threads=threads,
                known_frames=known_frames or None,
            ) as reader,
        ):
            return _FlowWriting(reader, estimator, known_frames, bound, sample).write(files)
    except DecodeError as error:
        raise FlowFault(f"unreadable ({error.cause})") from error
    except InputError as error:
        raise FlowFault(str(error)) from error


class _FlowWriting:
    """One pass along an open video."""

    def __init__(
        self,
        reader: VideoReader,
        estimator: FlowEstimator,
        known_frames: int,
        bound: float | None,
        sample: int | None,
    ) -> None:
        if known_frames and reader.frames != known_frames:
            raise FlowFault(
                f"it has {reader.frames} frames where the manifest says {known_frames}; "
                "index it again"
            )
        if reader.frames < 2:
            raise FlowFault("it has 1 frame; flow needs two")
        self.reader = reader
        self.estimator = estimator
        self.frames = reader.frames if sample is None else min(reader.frames, sample + 1)
        self.start = (reader.frames - self.frames) // 2
        # decord tells the size only with a frame.
        self.first = reader.read(range(self.start, self.start + 2))
        self.height, self.width = (int(side) for side in self.first.shape[1:3])
        self.bound = bound or default_bound(self.height, self.width)

    def write(self, files: Mapping[Direction, str | Path]) -> FlowOfVideo:
        """Estimate, quantise and write run by run."""
        began = time.perf_counter()
        clipped = dict.fromkeys(files, 0.0)
        with contextlib.ExitStack() as open_films:
            writers = {
                direction: open_films.enter_context(
                    FlowWriter(Path(file), rate=self.reader.rate, comment=self._comment(direction))
                )
                for direction, file in files.items()
            }
            for pictures, before, count in self._runs():
                frames = torch.from_numpy(pictures).permute(0, 3, 1, 2)
                for direction, writer in writers.items():
                    flow = self.estimator(frames, direction=direction)[before : before + count]
                    codes, share = quantise(flow, bound=self.bound)
                    writer.append(codes)
                    clipped[direction] += share * count / (self.frames - 1)
        return FlowOfVideo(
            frames=self.frames,
            height=self.height,
            width=self.width,
            bound=self.bound,
            clipped={str(direction): share for direction, share in clipped.items()},
            seconds=time.perf_counter() - began,
        )

    def _runs(self) -> Iterator[tuple[Frames, int, int]]:
        """Frames, how many fields before those wanted they make, and how many are wanted.

        With context 2, fields c to f are made from::

            a b | c d e f g | h i
        """
        context = self.estimator.context
        run = min(_FIELDS, _PIXELS // (self.height * self.width))
        run = max(run, 2 * context, 1)  # so that no more than half of the work is for context
        held, low = self.first, self.start  # the frames at hand, the number of the first of them
        last = self.start + self.frames - 1
        for start in range(self.start, last, run):
            end = min(start + run, last)
            first, past = max(start - context, self.start), min(end + 1 + context, last + 1)
            if past > low + len(held):
                fresh = self.reader.read(range(low + len(held), past))
                held = np.concatenate((held[max(first - low, 0) :], fresh))
                low = first
            yield held[first - low : past - low], start - first, end - start

    def _comment(self, direction: Direction) -> str:
        return (
            f"optical flow, {direction}, {self.estimator.name}: x above y, "
            f"pixels = (code - 128) * {flow_step(self.bound):.9g}"
        )


def compute_guarded(
    *,
    estimator: Mapping[str, Any],
    allow: Sequence[str],
    files: Mapping[Direction, str],
    size: Sequence[int] | None,
    **rest: Any,
) -> dict[str, Any]:
    """`compute_flow_of` with plain data in and out, for a child; a fault is a value as well."""
    height_width = None if size is None else (int(size[0]), int(size[1]))
    made = _estimator(json.dumps(estimator), tuple(allow))
    try:
        file = compute_flow_of(files=files, estimator=made, size=height_width, **rest)
    except FlowFault as fault:
        return {"fault": str(fault)}
    return vars(file)


@lru_cache(maxsize=1)
def _estimator(description: str, allow: tuple[str, ...]) -> FlowEstimator:
    made = build(json.loads(description), allow=allow)
    if not isinstance(made, FlowEstimator):
        raise InputError(f"estimator is {type(made).__name__}; expected a FlowEstimator")
    return made
