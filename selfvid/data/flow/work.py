"""Optical flow of one video: decode, estimate and write with bounded memory, in a child process."""

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
from selfvid.data.manifest.identity import check_unchanged
from selfvid.data.manifest.rows import Row
from selfvid.data.video.decode import DecodeError, DecoderName, VideoReader, open_video
from selfvid.data.video.reader import Frames
from selfvid.errors import InputError
from selfvid.flow.estimate import FlowEstimator, limited_threads
from selfvid.flow.quantise import Direction, default_bound, flow_step, quantise
from selfvid.saving.recorded import build

# At most so many fields are estimated at a time, with at most so many pixels together: what fits
# into a processor's cache is computed fastest.
_FIELDS, _PIXELS = 32, 2**20


class FlowFault(Exception):
    """The reason why one video has no flow, in words."""


@dataclass(frozen=True, kw_only=True)
class VideoFlow:
    """Properties of the computed flow of one video.

    Attributes:
        frames: number of frames of the video, or of the part that was used.
        height: height of the fields in pixels.
        width: width of the fields in pixels.
        bound: longest displacement along x or y that was kept, in pixels.
        clipped: share of values beyond the bound, by direction.
        seconds: time for decoding all but the first two frames, for estimating and for writing.
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
    damaged: str = "",
    indexed: Mapping[str, Any] | None = None,
    size: tuple[int, int] | None = None,
    bound: float | None = None,
    threads: int = 1,
    sample: int | None = None,
) -> VideoFlow:
    """Compute the flow of one video and write its flow videos.

    Args:
        path: the video.
        files: the flow video to write for each direction.
        estimator: the estimator to use.
        decoder: the decoder to use.
        known_frames: number of frames that the manifest gives, 0 if it gives none.
        damaged: numbers of the frames that cannot be decoded, as the manifest gives them.
        indexed: size, time of change and content id that the manifest gives, by column; None does
            not compare the file with them.
        size: (H, W) that frames are resized to while they are decoded; None is the native size.
        bound: longest displacement in pixels; None is a sixteenth of the longer side.
        threads: number of threads for decoding and estimating.
        sample: compute only this many fields, from the middle of the video; None computes all.

    Raises:
        FlowFault: If no flow can be computed for the video.
    """
    try:
        if indexed is not None:
            check_unchanged(Path(path), Row(path=str(path), **indexed))
        with (
            limited_threads(threads),
            open_video(
                path,
                decoder=decoder,
                size=size,
                threads=threads,
                known_frames=known_frames or None,
                damaged=damaged,
            ) as reader,
        ):
            return _FlowWriting(reader, estimator, known_frames, bound, sample).write(files)
    except DecodeError as error:
        raise FlowFault(f"unreadable ({error.cause})") from error
    except InputError as error:
        raise FlowFault(str(error)) from error


def compute_guarded(
    *,
    estimator: Mapping[str, Any],
    allow: Sequence[str],
    files: Mapping[Direction, str],
    size: Sequence[int] | None,
    **rest: Any,
) -> dict[str, Any]:
    """Call `compute_flow_of` in a child process, with plain data as arguments and result.

    Args:
        estimator: description of the estimator, as `selfvid.saving.recorded.describe` returns it.
        allow: prefixes of class paths that may be built beside those of this package.
        files: as for `compute_flow_of`.
        size: as for `compute_flow_of`.
        rest: further arguments of `compute_flow_of`.

    Returns:
        The fields of `VideoFlow`, or ``{"fault": ...}`` with the reason why there is no flow.
    """
    height_width = None if size is None else (int(size[0]), int(size[1]))
    built = _estimator(json.dumps(estimator), tuple(allow))
    try:
        made = compute_flow_of(files=files, estimator=built, size=height_width, **rest)
    except FlowFault as fault:
        return {"fault": str(fault)}
    return vars(made)


class _FlowWriting:
    """One pass along an open video that estimates and writes its flow."""

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
                f"it has {reader.frames} frames but the manifest says {known_frames}; "
                "index it again"
            )
        if reader.frames < 2:
            raise FlowFault("it has 1 frame; flow needs two")
        self.reader = reader
        self.estimator = estimator
        self.frames = reader.frames if sample is None else min(reader.frames, sample + 1)
        self.start = (reader.frames - self.frames) // 2
        # decord knows the size only after it has decoded a frame.
        self.first = reader.read(range(self.start, self.start + 2))  # (2, H, W, 3)
        self.height, self.width = (int(side) for side in self.first.shape[1:3])
        self.bound = bound or default_bound(self.height, self.width)

    def write(self, files: Mapping[Direction, str | Path]) -> VideoFlow:
        """Estimate, quantise and write the fields, a few at a time."""
        began = time.perf_counter()
        clipped = dict.fromkeys(files, 0.0)
        with contextlib.ExitStack() as stack:
            writers = {
                direction: stack.enter_context(
                    FlowWriter(Path(file), rate=self.reader.rate, comment=self._comment(direction))
                )
                for direction, file in files.items()
            }
            for pictures, before, count in self._runs():
                frames = torch.from_numpy(pictures).permute(0, 3, 1, 2)  # (T, 3, H, W)
                for direction, writer in writers.items():
                    flow = self.estimator(frames, direction=direction)[before : before + count]
                    codes, share = quantise(flow, bound=self.bound)  # (count, 2, H, W)
                    writer.append(codes)
                    clipped[direction] += share * count / (self.frames - 1)
        return VideoFlow(
            frames=self.frames,
            height=self.height,
            width=self.width,
            bound=self.bound,
            clipped={str(direction): share for direction, share in clipped.items()},
            seconds=time.perf_counter() - began,
        )

    def _runs(self) -> Iterator[tuple[Frames, int, int]]:
        """Yield runs of frames, and which of their fields to keep.

        Each run is the frames, the number of fields of context before those to keep, and the
        number of fields to keep. With context 2, the fields from c to f are made from all of::

            a b | c d e f g | h i
        """
        context = self.estimator.context
        decoded, low = self.first, self.start  # the frames in memory, the number of the first one
        last = self.start + self.frames - 1
        ends = run_ends(self.frames - 1, size=(self.height, self.width), context=context)
        for start, end in ((self.start + start, self.start + end) for start, end in ends):
            first, past = max(start - context, self.start), min(end + 1 + context, last + 1)
            if past > low + len(decoded):
                fresh = self.reader.read(range(low + len(decoded), past))
                decoded = np.concatenate((decoded[max(first - low, 0) :], fresh))
                low = first
            yield decoded[first - low : past - low], start - first, end - start

    def _comment(self, direction: Direction) -> str:
        return (
            f"optical flow, {direction}, {self.estimator.name}: x above y, "
            f"pixels = (code - 128) * {flow_step(self.bound):.9g}"
        )


def run_ends(fields: int, *, size: tuple[int, int], context: int) -> Iterator[tuple[int, int]]:
    """Yield the runs of fields that are estimated at a time: the first, and one past the last.

    The fields of an estimator with context depend on the run that they are in.

    Args:
        fields: number of fields.
        size: (H, W) of a field.
        context: number of frames before and after a run that the estimator sees.
    """
    run = min(_FIELDS, _PIXELS // (size[0] * size[1]))
    run = max(run, 2 * context, 1)  # so that at most half of the work is for context
    return ((start, min(start + run, fields)) for start in range(0, fields, run))


@lru_cache(maxsize=1)  # a child computes many videos with one estimator
def _estimator(description: str, allow: tuple[str, ...]) -> FlowEstimator:
    made = build(json.loads(description), allow=allow)
    if not isinstance(made, FlowEstimator):
        raise InputError(f"estimator is {type(made).__name__}; expected a FlowEstimator")
    return made
