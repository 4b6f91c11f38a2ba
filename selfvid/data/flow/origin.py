"""Where optical flow comes from: a folder that `selfvid flow` wrote, or an estimator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.data.clips.sampling import Sampling
from selfvid.data.flow.clips import FlowClipDataset, FlowClips, Ways, directions_of
from selfvid.data.flow.estimated import EstimatedFlowDataset, check_takes_size
from selfvid.data.flow.folder import TABLE, FlowFolder
from selfvid.data.flow.learnt import LearntFlow
from selfvid.data.manifest.manifest import Manifest
from selfvid.errors import InputError
from selfvid.flow.estimate import DIS, TVL1, Farneback, FlowEstimator
from selfvid.flow.raft import RAFT

FlowOrigin = FlowFolder | FlowEstimator

ESTIMATORS = {"dis": DIS, "farneback": Farneback, "tvl1": TVL1, "raft": RAFT}
EXPECTED = f"a folder that selfvid flow wrote, or an estimator ({', '.join(ESTIMATORS)})"


def find_estimator(estimator: FlowEstimator | str) -> FlowEstimator:
    """Return the estimator with that name, or the one in that run's folder.

    Raises:
        InputError: If there is none.
    """
    if isinstance(estimator, FlowEstimator):
        return estimator
    if estimator in ESTIMATORS:
        return ESTIMATORS[estimator]()
    if not Path(estimator).is_dir():
        raise InputError(
            f"estimator {estimator!r} is neither a name nor a folder; expected one of "
            f"{', '.join(ESTIMATORS)}, a run that predicts flow, or a class path"
        )
    return LearntFlow(estimator)


def open_flow(flow: FlowOrigin | Path | str) -> FlowOrigin:
    """Return the folder of flow, or the estimator, that the option --flow names.

    Args:
        flow: a folder that `selfvid flow` wrote; or the name of an estimator, an estimator, or
            the folder of a run that predicts flow. What is open already is returned as it is.

    Raises:
        InputError: If it is none of them.
    """
    if isinstance(flow, FlowOrigin):
        return flow
    if (Path(flow) / TABLE).is_file():
        return FlowFolder(flow)
    if str(flow) not in ESTIMATORS and not Path(flow).is_dir():
        raise InputError(f"flow {str(flow)!r} is no folder; expected {EXPECTED}")
    try:
        return find_estimator(str(flow))
    except InputError as error:
        if str(flow) in ESTIMATORS:
            raise
        raise InputError(
            f"flow {str(flow)!r} holds no {TABLE} and no encoder that predicts flow; "
            f"expected {EXPECTED}"
        ) from error


@dataclass(frozen=True, eq=False)
class FlowReading:
    """Optical flow as the clips of an encoder.

    Attributes:
        origin: where the flow comes from.
        ways: the directions of its fields.
    """

    origin: FlowOrigin
    ways: Ways = "forward"

    def clips(
        self, manifest: Manifest, sampling: Sampling, *, size: tuple[int, int], **more: Any
    ) -> FlowClips:
        """Return the data set of clips of flow cut from the videos of a manifest.

        Args:
            manifest: the videos.
            sampling: which fields make up a clip.
            size: (H, W) of the fields.
            more: further arguments of `ClipDataset`.

        Raises:
            InputError: As the data sets do.
        """
        if isinstance(self.origin, FlowFolder):
            flow, ways = self.origin, self.ways
            return FlowClipDataset(manifest, sampling, flow=flow, ways=ways, size=size, **more)
        estimator = self.origin
        return EstimatedFlowDataset(
            manifest, sampling, estimator=estimator, ways=self.ways, size=size, **more
        )

    def check(self, manifest: Manifest, *, size: tuple[int, int]) -> None:
        """Check, before anything is read, that there is flow of every row, of this size.

        Raises:
            InputError: If a folder lacks it, or frames are too small for the estimator.
        """
        if isinstance(self.origin, FlowFolder):
            for direction in directions_of(self.ways):
                self.origin.require(manifest, size=size, direction=direction)
        else:
            check_takes_size(self.origin, size)

    @property
    def estimators(self) -> str:
        """The estimator of the flow with its settings, as `Provenance.flow` has it."""
        if isinstance(self.origin, FlowFolder):
            return self.origin.estimators
        return f"{self.origin.name} {json.dumps(self.origin.settings, sort_keys=True)}"

    @property
    def workers_allowed(self) -> bool:
        """Whether other processes may read; a GPU is used by one process only."""
        return isinstance(self.origin, FlowFolder) or not self.origin.on_gpu

    def key(self, manifest: Manifest | None = None) -> dict[str, Any]:
        """Return what the fields of a manifest's videos depend on, besides size and decoder.

        Without a manifest it is what the fields of all videos depend on.
        """
        if isinstance(self.origin, FlowFolder):
            return {"stored": self.origin.hash(manifest), "ways": self.ways}
        return {**about_estimator(self.origin), "ways": self.ways}

    def about(self) -> dict[str, Any]:
        """Return where the flow comes from, as plain data for a protocol."""
        if isinstance(self.origin, FlowFolder):
            return {"folder": str(self.origin.path), "ways": self.ways}
        return {**about_estimator(self.origin), "ways": self.ways}


def about_estimator(estimator: FlowEstimator) -> dict[str, Any]:
    """Return an estimator's name, its settings and the package that computes, as plain data."""
    return {
        "estimator": estimator.name,
        "settings": estimator.settings,
        "package": estimator.package,
    }
