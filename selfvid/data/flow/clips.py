"""The data set of clips of optical flow, read from a folder that `selfvid flow` wrote."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import Sampling, Timeline
from selfvid.data.flow.folder import FlowFolder, StoredFlow
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.reader import DecodeError
from selfvid.errors import InputError
from selfvid.flow.quantise import Direction, flow_step
from selfvid.types import Clip

Ways = Literal["forward", "both"]


class Fields(ABC):
    """The optical flow of one video.

    Attributes:
        frames: number of frames of the video; it has one field fewer.
    """

    frames: int

    @abstractmethod
    def read(self, indices: Sequence[int], *, direction: Direction) -> StoredFlow:
        """Return some fields in eight bits, in the order of `indices`.

        Raises:
            DecodeError: If they cannot be read.
        """


class FlowClips(ClipDataset, ABC):
    """Base class of data sets whose clips are fields of flow in place of frames.

    Field t lies between frames t and t + 1, so a video has one field fewer than frames. The
    sampling rule counts fields. Its instants are index / rate, whether timestamps are known or not,
    so that it chooses the same fields wherever they come from.

    Args:
        manifest: the videos.
        sampling: the rule that chooses the fields of the clips.
        ways: ``forward`` gives clips (T, 2, H, W); ``both`` gives (T, 4, H, W), the channels of
            forward flow before those of backward flow.
        size: (H, W) of the fields.
        more: further arguments of `ClipDataset`.

    Attributes:
        ways: as given.
    """

    def __init__(
        self,
        manifest: Manifest,
        sampling: Sampling,
        *,
        ways: Ways,
        size: tuple[int, int],
        **more: Any,
    ) -> None:
        self.ways: Ways = ways
        super().__init__(manifest, sampling, size=size, **more)

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The directions of the fields, in the order of their channels."""
        return directions_of(self.ways)

    @abstractmethod
    def fields(self, row: Row) -> contextlib.AbstractContextManager[Fields]:
        """Open the flow of a row's video."""

    def timeline(self, row: Row) -> Timeline:
        """Return the timeline of a video's fields as the manifest describes it."""
        return field_timeline(row, frames=row.frames)

    def _read(self, place: int, rng: np.random.Generator) -> list[Clip]:
        row = self.manifest.rows[place]
        with self.fields(row) as fields:
            timeline = field_timeline(row, frames=fields.frames)
            first, past = timeline.bounds
            if first == past:
                path = str(self.manifest.path_of(row))
                raise DecodeError(path, _without_flow(row))
            chosen = self.sampling.choose(timeline, rng)
            if not len(chosen):
                return []
            codes, step = self._codes(fields, chosen, row)
        label = None if self.labels is None else int(self.labels[place])
        seconds = torch.from_numpy(chosen / timeline.rate)
        return [
            Clip(each, times, row.video, label, step=step)
            for each, times in zip(codes, seconds, strict=True)
        ]

    def _codes(
        self, fields: Fields, chosen: NDArray[np.int64], row: Row
    ) -> tuple[torch.Tensor, float]:
        """Return codes (clips, T, 2 or 4, H, W) of the chosen fields, and pixels per code."""
        indices = chosen.ravel().tolist()
        ways = [fields.read(indices, direction=way) for way in self.directions]
        codes = torch.cat([way.codes for way in ways], 1)  # (clips * T, 2 or 4, H, W)
        steps = {flow_step(way.bound) for way in ways}
        if len(steps) > 1:
            raise InputError(
                f"flow of {row.path} has another bound forward than backward; expected one, "
                "compute both with the same bound"
            )
        return codes.unflatten(0, chosen.shape), min(steps)


class FlowClipDataset(FlowClips):
    """Clips of flow from a folder.

    Args:
        manifest: the videos.
        sampling: the rule that chooses the fields of the clips.
        flow: the folder of the fields.
        ways: as for `FlowClips`.
        size: (H, W) that the fields must have; None takes the size of the first video's fields.
        more: further arguments of `ClipDataset`.

    Raises:
        InputError: As `ClipDataset` does, and if the flow of a video is missing or has another
            size or length.
    """

    def __init__(
        self,
        manifest: Manifest,
        sampling: Sampling,
        *,
        flow: FlowFolder,
        ways: Ways = "forward",
        size: tuple[int, int] | None = None,
        **more: Any,
    ) -> None:
        if not manifest.rows:
            raise InputError("manifest has no rows to read clips from; expected at least one")
        self.flow = flow
        first = flow.row(manifest.rows[0].video, called=manifest.rows[0].path)
        size = first.size if size is None else size
        for direction in directions_of(ways):
            flow.require(manifest, size=size, direction=direction)
        super().__init__(manifest, sampling, ways=ways, size=size, **more)

    def _settings(self) -> dict[str, Any]:
        return super()._settings() | {"flow": self.flow, "ways": self.ways}

    def timeline(self, row: Row) -> Timeline:
        """Return the timeline of a video's fields, whose number the folder's table gives."""
        return field_timeline(row, frames=self.flow.row(row.video).frames)

    @contextlib.contextmanager
    def fields(self, row: Row) -> Iterator[Fields]:
        """Open the flow of a row's video."""
        yield StoredFields(self.flow, row.video)


@dataclass
class StoredFields(Fields):
    """The flow of one video in a folder.

    Attributes:
        flow: the folder.
        video: content id of the video.
    """

    flow: FlowFolder
    video: str

    def __post_init__(self) -> None:
        self.frames = self.flow.row(self.video).frames

    def read(self, indices: Sequence[int], *, direction: Direction) -> StoredFlow:
        """Read some fields, in the order of `indices`."""
        return self.flow.read(self.video, indices, direction=direction)


def directions_of(ways: Ways) -> tuple[Direction, ...]:
    """Return the directions of fields, in the order of their channels."""
    return ("forward",) if ways == "forward" else ("forward", "backward")


def field_timeline(row: Row, *, frames: int) -> Timeline:
    """Return the timeline of the fields of a video, or of its segment, that has `frames` frames."""
    return Timeline(max(0, frames - 1), row.rate or 1.0, None, row.start, row.end)


def _without_flow(row: Row) -> str:
    if row.start is None and row.end is None:
        return "it has 1 frame; flow needs two"
    return f"segment from {row.start} to {row.end} s has no flow"
