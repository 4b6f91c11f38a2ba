"""The data set of clips of optical flow that is estimated from the frames while they are read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from selfvid.data.clips.sampling import Sampling
from selfvid.data.flow.clips import Fields, FlowClips, Ways
from selfvid.data.flow.folder import StoredFlow
from selfvid.data.flow.work import run_ends
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.reader import VideoReader
from selfvid.errors import InputError
from selfvid.flow.estimate import FlowEstimator, limited_threads
from selfvid.flow.quantise import Direction, default_bound, quantise

_AT_ONCE = 32  # fields estimated at a time, to limit the memory


class EstimatedFlowDataset(FlowClips):
    """Clips of flow that is estimated from the frames; nothing is written.

    The fields are those of a folder that `selfvid flow` writes with the same estimator, size and
    decoder and with its default bound, bit by bit: they are rounded to the same eight bits.

    Args:
        manifest: the videos.
        sampling: the rule that chooses the fields of the clips.
        estimator: the estimator.
        ways: as for `FlowClips`.
        size: (H, W) that frames are resized to before flow is estimated.
        more: further arguments of `ClipDataset`.

    Raises:
        InputError: As `ClipDataset` does, and if frames of this size are too small for the
            estimator.
    """

    def __init__(
        self,
        manifest: Manifest,
        sampling: Sampling,
        *,
        estimator: FlowEstimator,
        ways: Ways = "forward",
        size: tuple[int, int],
        **more: Any,
    ) -> None:
        check_takes_size(estimator, size)
        self.estimator = estimator
        super().__init__(manifest, sampling, ways=ways, size=size, **more)

    def _settings(self) -> dict[str, Any]:
        return super()._settings() | {"estimator": self.estimator, "ways": self.ways}

    @contextlib.contextmanager
    def fields(self, row: Row) -> Iterator[Fields]:
        """Open a row's video; its fields are estimated when they are read."""
        with self._reader(row) as reader:
            yield EstimatedFields(reader, self.estimator)


class EstimatedFields(Fields):
    """The flow of one open video, estimated when it is read.

    Args:
        reader: the video, opened at the size of the fields.
        estimator: the estimator.
    """

    def __init__(self, reader: VideoReader, estimator: FlowEstimator) -> None:
        self.frames = reader.frames
        self._reader, self._estimator = reader, estimator
        self._last: tuple[int, Tensor] | None = None  # the frame that was read last

    def read(self, indices: Sequence[int], *, direction: Direction) -> StoredFlow:
        """Estimate some fields, and return them in the order of `indices`."""
        wanted, places = np.unique(np.asarray(indices, dtype=np.int64), return_inverse=True)
        # One thread: the processes that read share the cores, and OpenCV's threads would not
        # survive the fork of a process that has used them.
        with limited_threads(1):
            fields = self._pairs if self._estimator.context == 0 else self._runs
            found = torch.cat(list(fields(wanted, direction)))  # (distinct, 2, H, W)
        bound = default_bound(*found.shape[-2:])
        codes, _ = quantise(found, bound=bound)
        # In the memory layout of stored fields: networks round by the layout of their input.
        return StoredFlow(codes[torch.from_numpy(places)].contiguous(), bound)

    def _pairs(self, wanted: NDArray[np.int64], direction: Direction) -> Iterator[Tensor]:
        """Yield the fields of an estimator that needs no more than the two frames of a field."""
        for some in np.array_split(wanted, -(-len(wanted) // _AT_ONCE)):
            needed = np.union1d(some, some + 1)
            frames = self._read(needed)
            # Neighbours in `frames` that are not neighbours in the video are no field.
            for part in np.split(needed, np.flatnonzero(np.diff(needed) > 1) + 1):
                first = int(np.searchsorted(needed, part[0]))
                flow = self._estimator(frames[first : first + len(part)], direction=direction)
                yield flow[torch.from_numpy(np.isin(part[:-1], some))]

    def _runs(self, wanted: NDArray[np.int64], direction: Direction) -> Iterator[Tensor]:
        """Yield the fields of an estimator that sees more frames, run by run as in a folder."""
        context, last = self._estimator.context, self.frames - 1
        (height, width) = self._read(np.zeros(1, np.int64)).shape[-2:]
        for start, end in run_ends(last, size=(height, width), context=context):
            inside = wanted[(wanted >= start) & (wanted < end)]
            if len(inside):
                first, past = max(start - context, 0), min(end + 1 + context, self.frames)
                flow = self._estimator(self._read(np.arange(first, past)), direction=direction)
                yield flow[torch.from_numpy(inside - first)]

    def _read(self, numbers: NDArray[np.int64]) -> Tensor:
        """Return some frames, uint8 (n, 3, H, W); `numbers` rise.

        The frame between the fields of two calls is kept, because decoders are slow to go back.
        """
        known = self._last is not None and self._last[0] == numbers[0] and len(numbers) > 1
        missing = numbers[1:] if known else numbers
        frames = torch.from_numpy(self._reader.read(missing)).permute(0, 3, 1, 2)
        if known and self._last is not None:
            frames = torch.cat((self._last[1], frames))
        self._last = int(numbers[-1]), frames[-1:].clone()
        return frames


def check_takes_size(estimator: FlowEstimator, size: tuple[int, int]) -> None:
    """Check that frames are large enough for an estimator.

    Raises:
        InputError: If they are not.
    """
    if min(size) < estimator.smallest:
        raise InputError(
            f"size is {size[0]}x{size[1]}; expected at least {estimator.smallest} pixels on each "
            f"side, the smallest frames that {estimator.name} can take"
        )
