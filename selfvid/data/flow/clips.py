"""The data set of clips of optical flow, read from a folder that `selfvid flow` wrote."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import Sampling, Timeline
from selfvid.data.flow.folder import FlowFolder
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.reader import DecodeError
from selfvid.errors import InputError
from selfvid.flow.quantise import Direction, flow_step
from selfvid.types import Clip

Ways = Literal["forward", "both"]


class FlowClipDataset(ClipDataset):
    """A `ClipDataset` whose clips are fields of flow in place of frames.

    Field t lies between frames t and t + 1, so a video has one field fewer than frames. The
    sampling rule counts fields.

    Args:
        manifest: the videos.
        sampling: the rule that chooses the fields of the clips.
        flow: the folder of the fields.
        ways: ``forward`` gives clips (T, 2, H, W); ``both`` gives (T, 4, H, W), the channels of
            forward flow before those of backward flow.
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
        self.directions: tuple[Direction, ...] = (
            ("forward",) if ways == "forward" else ("forward", "backward")
        )
        first = flow.row(manifest.rows[0].video, called=manifest.rows[0].path)
        size = first.size if size is None else size
        for direction in self.directions:
            flow.require(manifest, size=size, direction=direction)
        super().__init__(manifest, sampling, size=size, **more)

    def cut_by(self, manifest: Manifest, sampling: Sampling) -> ClipDataset:
        """Return a data set with the same settings, for other rows and another sampling rule."""
        return FlowClipDataset(
            manifest,
            sampling,
            flow=self.flow,
            ways="forward" if len(self.directions) == 1 else "both",
            size=self.size,
            seed=self.seed,
            faults=self.faults,
        )

    def timeline(self, row: Row) -> Timeline:
        """Return the timeline of a video's fields, one fewer than its frames."""
        fields = max(0, self.flow.row(row.video).frames - 1)
        return Timeline(fields, row.rate or 1.0, None, row.start, row.end)

    def _read(self, place: int, rng: np.random.Generator) -> list[Clip]:
        row = self.manifest.rows[place]
        timeline = self.timeline(row)
        first, past = timeline.bounds
        if first == past:
            path = str(self.manifest.path_of(row))
            raise DecodeError(path, f"segment from {row.start} to {row.end} s has no flow")
        chosen = self.sampling.choose(timeline, rng)
        if not len(chosen):
            return []
        indices = chosen.ravel().tolist()
        ways = [self.flow.read(row.video, indices, direction=way) for way in self.directions]
        codes = torch.cat([way.codes for way in ways], 1)  # (clips * T, 2 or 4, H, W)
        codes = codes.unflatten(0, chosen.shape)  # (clips, T, 2 or 4, H, W)
        steps = {flow_step(way.bound) for way in ways}
        if len(steps) > 1:
            raise InputError(
                f"flow of {row.path} has another bound forward than backward; expected one, "
                "compute both with the same bound"
            )
        label = None if self.labels is None else int(self.labels[place])
        seconds = torch.from_numpy(chosen / timeline.rate)
        return [
            Clip(fields, times, row.video, label, step=min(steps))
            for fields, times in zip(codes, seconds, strict=True)
        ]
