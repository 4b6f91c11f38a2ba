"""The settings by which a run reads its clips: pixels of the videos, or their optical flow."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.compute import loading_workers
from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.clips.sampling import Sampling
from selfvid.data.flow.beside import ClipsWithFlow
from selfvid.data.flow.clips import Ways
from selfvid.data.flow.origin import EXPECTED, FlowOrigin, FlowReading, open_flow
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import DecoderName
from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.flow.estimate import FlowEstimator

DEFAULT_SIZE = (64, 64)  # small enough to pretrain on two cores


@dataclass(frozen=True, kw_only=True)
class ClipReading:
    """The settings of a run that describe how its videos are read.

    Attributes:
        size: (H, W) of the frames. None means the size of stored flow, and 64 x 64 without it.
        flow: where optical flow comes from, as `open_flow` takes it, for an encoder that takes
            flow, or for an objective that needs it beside its clips of pixels.
        decoder: the decoder of the pixels.
        decoded: folder that keeps decoded frames.
        workers: number of loading processes; None means one less than the number of cores.
        faults: how many clips may fail before the run stops.
    """

    size: tuple[int, int] | None
    flow: str | None
    decoder: DecoderName
    decoded: str | None
    workers: int | None
    faults: FaultPolicy

    def __post_init__(self) -> None:
        loading_workers(self.workers)

    @staticmethod
    def of(
        *,
        size: int | Sequence[int] | None,
        flow: Path | str | None,
        decoder: DecoderName,
        decoded: Path | str | None,
        workers: int | None,
        faults: FaultPolicy,
    ) -> ClipReading:
        """Make the settings from the arguments of a command."""
        return ClipReading(
            size=size_pair(size),
            flow=None if flow is None else str(flow),
            decoder=decoder,
            decoded=None if decoded is None else str(decoded),
            workers=workers,
            faults=faults,
        )

    @property
    def processes(self) -> int:
        """The number of loading processes."""
        return loading_workers(self.workers)

    @property
    def estimators(self) -> str:
        """The estimators of the flow that is read, with their settings; "" if none is read."""
        return "" if self.flow is None else FlowReading(open_flow(self.flow)).estimators

    def recipe(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        size = None if self.size is None else list(self.size)
        return plain | {"size": size, "faults": dataclasses.asdict(self.faults)}

    def dataset(
        self,
        manifest: Manifest,
        sampling: Sampling,
        encoder: Encoder,
        *,
        beside: bool = False,
        **more: Any,
    ) -> ClipDataset:
        """Return the data set of clips cut from the videos of a manifest.

        Args:
            manifest: the videos.
            sampling: which frames, or which flow fields, make up a clip.
            encoder: the encoder that the clips are for.
            beside: whether clips of pixels have the flow between their frames beside them.
            more: further arguments of `ClipDataset`; `faults` replaces the policy of these
                settings.

        Raises:
            InputError: If flow is given where only pixels are read, if flow is missing, or if
                `decoded` is given and no pixels are read; otherwise as the data sets say.
        """
        check_input(encoder, self.flow, beside=beside)
        more = {"faults": self.faults, **more}
        pixels: dict[str, Any] = {"decoder": self.decoder, "decoded": self.decoded}
        if self.flow is None:
            size = self.size or DEFAULT_SIZE
            return ClipDataset(manifest, sampling, size=size, **pixels, **more)
        flow = open_flow(self.flow)
        size = self.size or _size_of(flow, manifest)
        if beside:
            return ClipsWithFlow(manifest, sampling, flow=flow, size=size, **pixels, **more)
        if isinstance(flow, FlowEstimator):
            more |= pixels
        elif self.decoded is not None:
            raise InputError(f"decoded is {self.decoded!r} but clips are flow; expected null")
        ways: Ways = "both" if encoder.in_channels == 4 else "forward"
        return FlowReading(flow, ways).clips(manifest, sampling, size=size, **more)


def check_input(encoder: Encoder, flow: Path | str | None, *, beside: bool = False) -> None:
    """Check that the encoder takes what the run reads: pixels, or optical flow.

    Args:
        encoder: the encoder.
        flow: the run's flow.
        beside: whether flow is read beside clips of pixels.

    Raises:
        InputError: If it does not; the message says which is needed.
    """
    if flow is None and (beside or encoder.in_channels != 3):
        who = "the objective needs flow beside its clips" if beside else "the encoder takes flow"
        raise InputError(f"{who}, and flow is null; expected {EXPECTED}")
    if flow is not None and encoder.in_channels == 3 and not beside:
        raise InputError(
            f"flow is {str(flow)!r} but the encoder takes pixels; expected an encoder whose input "
            "is FlowStack, FlowImage or FlowFields"
        )


def _size_of(flow: FlowOrigin, manifest: Manifest) -> tuple[int, int]:
    """Return the size of the stored flow of the first video; the default for an estimator."""
    if isinstance(flow, FlowEstimator) or not manifest.rows:
        return DEFAULT_SIZE
    return flow.row(manifest.rows[0].video, called=manifest.rows[0].path).size


def size_pair(size: int | Sequence[int] | None) -> tuple[int, int] | None:
    """Return (H, W) for a size that is given as one number for both, or as two numbers.

    Raises:
        InputError: If the size is neither one positive number nor two.
    """
    if size is None:
        return None
    found = (size, size) if isinstance(size, int) else tuple(size)
    if len(found) != 2 or min(found) < 1:
        raise InputError(f"size must be one positive number or H and W, got {size}")
    return found[0], found[1]
