"""The settings of a pretraining run: the arguments of `pretrain`, checked against one another."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from selfvid.compute import Device, Precision, choose_device
from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.sampling import Sampling
from selfvid.data.digits.stream import DigitStream
from selfvid.errors import InputError
from selfvid.objectives.base import Objective
from selfvid.pretraining.sources import ClipSource
from selfvid.saving.recorded import describe
from selfvid.training.clips import ClipReading
from selfvid.training.compiled import check_compiler
from selfvid.training.schedule import Training


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """The arguments of `pretrain`, which documents them.

    Raises:
        InputError: If they do not fit together.
    """

    data: str | DigitStream | ClipSource
    out: str
    objective: Objective
    clips: Sampling | None
    augment: Augmentation | None
    reading: ClipReading
    training: Training
    split: str | None
    device: Device
    precision: Precision
    seed: int
    init: str | None

    def __post_init__(self) -> None:
        if self.objective.encoder.in_channels != 3 and self.augment is not None:
            self.augment.check_flow_clips()
        if self.objective.needs_flow and not isinstance(self.data, str):
            raise InputError(
                f"{type(self.objective).__name__} needs flow beside its clips, which clips that "
                "are generated during training do not have; expected a manifest of videos"
            )
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")
        if isinstance(self.data, DigitStream):
            self._check_generated("the digits are", (self.data.canvas, self.data.canvas))
        elif isinstance(self.data, ClipSource):
            self._check_generated("the clips are", self.data.size)
        check_compiler(self.training, choose_device(self.device))

    def _check_generated(self, what: str, size: tuple[int, int]) -> None:
        """Check that no setting is given that applies to video files only."""
        given = {
            "clips": self.clips,
            "split": self.split,
            "workers": self.reading.workers or None,
            "flow": self.reading.flow,
        }
        for name, value in given.items():
            if value is not None:
                raise InputError(
                    f"{name} is {value} but {what} generated during training; expected it unset"
                )
        if self.reading.size not in (None, size):
            raise InputError(
                f"size is {list(self.reading.size)} but {what} {size[0]}x{size[1]}; "
                "expected it unset"
            )

    def recipe(self) -> dict[str, Any]:
        """Return the arguments as plain data that `pretrain --config` reads."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        # A recipe gives these settings without a class path.
        plain |= plain.pop("reading").recipe()
        plain["training"] = dataclasses.asdict(self.training)
        return dict(describe(plain))
