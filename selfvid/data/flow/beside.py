"""The data set of clips of pixels with the optical flow between their frames beside them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import Sampling
from selfvid.data.flow.estimated import check_takes_size
from selfvid.data.flow.folder import FlowFolder
from selfvid.data.manifest.manifest import Manifest
from selfvid.errors import InputError
from selfvid.flow.estimate import FlowEstimator, limited_threads
from selfvid.flow.stack import along_paths
from selfvid.types import Clip


class ClipsWithFlow(ClipDataset):
    """A `ClipDataset` whose clips also have the flow from each of their frames to the next.

    If the frames of a clip are not neighbours in the video, the flow of a folder is followed along
    the path of each pixel; an estimator is given the frames of the clip themselves::

        video    a . . b . . c          clip of 3 frames at stride 3
        folder   1 2 3 4 5 6            a to b: 1, 2 and 3 along the paths that begin in a
        clip     a  ->  b  ->  c        2 fields

    Args:
        manifest: the videos.
        sampling: the rule that chooses the frames of the clips.
        flow: a folder of forward flow, or an estimator.
        size: (H, W) of the frames; the fields of a folder must have it too.
        more: further arguments of `ClipDataset`.

    Raises:
        InputError: As `ClipDataset` does; if the flow of a video is missing or has another size or
            length; or if the frames are too small for the estimator, or no clip of several frames.
    """

    def __init__(
        self,
        manifest: Manifest,
        sampling: Sampling,
        *,
        flow: FlowFolder | FlowEstimator,
        size: tuple[int, int],
        **more: Any,
    ) -> None:
        super().__init__(manifest, sampling, size=size, **more)
        self.flow = flow
        if sampling.length < 2:
            raise InputError("clips of 1 frame have no flow between frames; expected 2 or more")
        if isinstance(flow, FlowEstimator):
            check_takes_size(flow, size)
        else:
            flow.require(manifest, size=size)
            if getattr(sampling, "short", "") == "loop":
                raise InputError(
                    "short is 'loop' and flow is from a folder, which has none from the last frame "
                    "to the first; expected repeat_last or skip"
                )

    def _settings(self) -> dict[str, Any]:
        return super()._settings() | {"flow": self.flow}

    def _read(self, place: int, rng: np.random.Generator) -> list[Clip]:
        clips = super()._read(place, rng)
        if isinstance(self.flow, FlowFolder):
            return [replace(clip, flow=self._stored(self.flow, clip)) for clip in clips]
        # One thread: the processes that read share the cores.
        with limited_threads(1):
            return [replace(clip, flow=self.flow(clip.frames).contiguous()) for clip in clips]

    def _stored(self, flow: FlowFolder, clip: Clip) -> Tensor:
        """Return the fields between the frames of a clip, (T - 1, 2, H, W) in pixels."""
        assert clip.places is not None
        places = clip.places.tolist()
        first, last = places[0], places[-1]
        fields = flow.read(clip.video, range(first, last)).pixels()  # (last - first, 2, H, W)
        return torch.stack(
            [_composed(fields[one - first : other - first]) for one, other in pairwise(places)]
        )


def _composed(fields: Tensor) -> Tensor:
    """Return the displacement along successive fields (n, 2, H, W), (2, H, W); zero if n is 0."""
    return along_paths(fields[None]).sum(1)[0] if len(fields) > 1 else fields.sum(0)
