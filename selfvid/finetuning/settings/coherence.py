"""Temporal coherence beside labels: the unlabelled footage, and what is asked of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.clips.sampling import RandomClips, Sampling
from selfvid.data.clips.stills import shown_in
from selfvid.encoders.base import Encoder
from selfvid.training.rates import Rates
from selfvid.training.schedule import Training
from selfvid.errors import InputError

PAIRS = RandomClips(frames=2, short="skip")


@dataclass(frozen=True, kw_only=True)
class Coherence:
    """What pull and push steps are made on.

    Both look at the encoder's step vectors, as a head reads them, and never reach the head.

    Args:
        data: manifest of footage whose labels, if any, are not looked at.
        clips: which frames of a video are consecutive, two or more of them.
        batch: clips of a pull step, and of a push step, over all processes.
        margin: L1 distance that frames which are not consecutive are pushed to.
        weight: factor of the losses of both kinds of step.
    """

    data: str = ""
    clips: Sampling = PAIRS
    batch: int = 16
    margin: float = 1.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.margin <= 0 or self.weight < 0:
            raise InputError(
                f"margin of coherence is {self.margin} and weight {self.weight}; expected more "
                "than 0, and 0 or more"
            )
        if self.batch % self.clips_per_video or self.batch < 2 * self.clips_per_video:
            raise InputError(
                f"batch of coherence is {self.batch}; expected the clips of at least two videos, "
                f"a multiple of {self.clips_per_video}"
            )

    @property
    def clips_per_video(self) -> int:
        """Clips cut from one opened video."""
        return int(getattr(self.clips, "clips", 1))

    @cached_property
    def footage(self) -> Manifest:
        """The videos that can be read.

        Raises:
            InputError: where there are none.
        """
        if not self.data:
            raise InputError("coherence has no data; expected a manifest of unlabelled footage")
        usable = Manifest.read(self.data).usable
        if not len(usable):
            raise InputError(f"{self.data!r} has no usable video; expected unlabelled footage")
        return usable

    def seen(self, stills: Collection[str]) -> set[str]:
        """Content ids of the footage, and those of `stills` that are frames of it."""
        return {row.video for row in self.footage.rows} | shown_in(self.footage, stills)

    def check(
        self, encoder: Encoder, *, flow: str | None, rates: Rates, training: Training
    ) -> None:
        """Refuse what pairs of frames cannot be learnt from, or with; missing footage too.

        Raises:
            InputError: naming it.
        """
        who = "coherence compares pixels of frames"
        if flow is not None or encoder.eats != 3:
            raise InputError(f"{who}, and the encoder eats flow; expected an encoder of pixels")
        if encoder.widths.steps is None:
            raise InputError("coherence needs step features (B, S, D); this encoder has none")
        two_steps = encoder.window + encoder.stride
        if encoder.one_length or self.clips.length < two_steps:
            slides = ", of a SlidingEncoder" if encoder.one_length else ""
            raise InputError(
                f"clips of coherence have {self.clips.length} frames; expected at least "
                f"{two_steps}, which give two steps of the encoder{slides}"
            )
        if not any(rates.of(f"encoder.{name}") for name, _ in encoder.named_parameters()):
            raise InputError("coherence trains the encoder, whose rate is 0; expected more than 0")
        _check_plan(training)
        _ = self.footage  # is read now, before a run folder is made


def _check_plan(training: Training) -> None:
    if training.accumulate > 1:
        raise InputError(
            f"accumulate is {training.accumulate} and steps are taken in turn with coherence; "
            "expected 1"
        )
    if training.devices > 1 and "find_unused" not in training.strategy:
        raise InputError(
            f"strategy is {training.strategy!r} and coherence leaves the head without gradients; "
            "expected ddp_find_unused_parameters_true"
        )
