"""Joint training with temporal coherence, the videoCNN of Mobahi et al. (ICML 2009).

After each supervised step, a pull step and a push step are made on unlabelled videos.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from selfvid.data.clips.dataset import ClipKey
from selfvid.data.clips.sampling import RandomClips, Sampling
from selfvid.data.clips.stills import shown_in
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.finetuning.step import SupervisedTraining
from selfvid.objectives.temporal_coherence import pull_loss, push_loss
from selfvid.training.batches import BatchStream
from selfvid.training.rates import Rates
from selfvid.training.schedule import Training
from selfvid.types import ClipBatch, Losses

PAIRS = RandomClips(frames=2, short="skip")
StepKind = Literal["labels", "pull", "push"]
STEP_KINDS: tuple[StepKind, ...] = ("labels", "pull", "push")
# Frames of one video that are nearer than this, in gaps between consecutive ones, are no pair to
# push: one gap apart is consecutive, and times are rounded.
_CONSECUTIVE = 1.5


@dataclass(frozen=True, kw_only=True)
class Coherence:
    """The settings of pull and push steps.

    Both use the encoder's step vectors, as a head reads them, and never reach the head.

    Args:
        data: manifest of unlabelled videos; labels in it are not used.
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
        """Content ids of the unlabelled videos, and those of `stills` that are frames of them."""
        return {row.video for row in self.footage.rows} | shown_in(self.footage, stills)

    def check(
        self, encoder: Encoder, *, flow: str | None, rates: Rates, training: Training
    ) -> None:
        """Refuse settings that pairs of frames cannot be learned with, and missing videos.

        Raises:
            InputError: naming the setting.
        """
        if flow is not None or encoder.in_channels != 3:
            raise InputError(
                "coherence compares pixels of frames, and the encoder takes flow; expected an "
                "encoder of pixels"
            )
        if encoder.widths.steps is None:
            raise InputError("coherence needs step features (B, S, D); this encoder has none")
        two_steps = encoder.frames_for(2)
        if encoder.one_length or self.clips.length < two_steps:
            slides = ", of a SlidingEncoder" if encoder.one_length else ""
            raise InputError(
                f"clips of coherence have {self.clips.length} frames; expected at least "
                f"{two_steps}, which give two steps of the encoder{slides}"
            )
        if not any(rates.of(f"encoder.{name}") for name, _ in encoder.named_parameters()):
            raise InputError("coherence trains the encoder, whose rate is 0; expected more than 0")
        _check_training(training)
        _ = self.footage  # is read now, before a run folder is made


class AlternatingStream(BatchStream):
    """The batches of two streams, two of the unlabelled videos after each labelled one.

    ::

        number      0       1      2      3       4      5
        kind        labels  pull   push   labels  pull   push
        labelled    0                     1
        unlabelled          0      1              2      3

    Keys of the unlabelled videos count on from those of the labelled ones, as `SideBySide` wants
    them.

    Args:
        labelled: a batch for each step.
        unlabelled: two batches for each step.
    """

    def __init__(self, labelled: BatchStream, unlabelled: BatchStream) -> None:
        super().__init__(
            labelled.videos + unlabelled.videos,
            per_batch=labelled.per_batch,
            total=len(STEP_KINDS) * labelled.total,
            seed=labelled.seed,
        )
        self.labelled, self.unlabelled = labelled, unlabelled

    @property
    def kind(self) -> StepKind:
        """The kind of step that the current batch is for."""
        return STEP_KINDS[self.done % len(STEP_KINDS)]

    @property
    def draw(self) -> int:
        """For labels the step, as if there were no others; a number of its own for each other."""
        stream, number = self._place(self.done)
        return number if stream is self.labelled else self.labelled.total + number

    def share_out(self, rank: int, world: int) -> None:
        """Keep this process's part of every batch of both streams.

        Raises:
            InputError: where a batch cannot be shared out evenly.
        """
        for stream in (self.labelled, self.unlabelled):
            stream.share_out(rank, world)

    def batch(self, number: int) -> list[ClipKey]:
        """This process's keys of batch `number`."""
        stream, own = self._place(number)
        before = 0 if stream is self.labelled else self.labelled.videos
        return [replace(key, index=key.index + before) for key in stream.batch(own)]

    def _place(self, number: int) -> tuple[BatchStream, int]:
        """Which stream a batch comes from, and its number there."""
        step, kind = divmod(number, len(STEP_KINDS))
        if kind == 0:
            return self.labelled, step
        return self.unlabelled, (len(STEP_KINDS) - 1) * step + kind - 1


class JointTraining(SupervisedTraining):
    """Makes supervised, pull and push steps one after another, each an update of its own.

    Args:
        coherence: the settings of pull and push steps.
        stream: says which kind of step comes next.
        more: as `SupervisedTraining` explains them.
    """

    def __init__(
        self, *args: Any, coherence: Coherence, stream: AlternatingStream, **more: Any
    ) -> None:
        super().__init__(*args, stream=stream, **more)
        self.coherence = coherence
        self.alternating = stream
        self._figures: dict[str, Tensor] = {}

    def losses_of(self, clip: Tensor, batch: ClipBatch) -> Losses:
        """The head's loss of labelled clips; the pull or push loss of unlabelled ones."""
        kind = self.alternating.kind
        if kind == "labels":
            losses = super().losses_of(clip, batch)
            figures = {"loss": losses.total} | losses.parts
        else:
            z = self.classifier.encoder(self.cropped(clip)).need_steps("coherence")  # (B, S, D)
            loss = pull_loss(z) if kind == "pull" else self._push(z, batch)
            losses, figures = Losses(self.coherence.weight * loss), {kind: loss}
        self._figures |= {name: figure.detach() for name, figure in figures.items()}
        return losses

    def figures(self) -> dict[str, Tensor]:
        """The latest of each kind of step; pull and push as they are before their weight."""
        return self._figures

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Move the rate with the steps of the run: the three updates of one have the same."""
        del metric
        if self.alternating.kind == STEP_KINDS[0]:
            scheduler.step()

    def _push(self, z: Tensor, batch: ClipBatch) -> Tensor:
        shift = self.coherence.clips_per_video
        counted = not_consecutive(batch, steps=z.shape[1], shift=shift)
        with torch.autocast(z.device.type, enabled=False):
            return push_loss(z.float(), margin=self.coherence.margin, shift=shift, counted=counted)


def not_consecutive(batch: ClipBatch, *, steps: int, shift: int) -> Tensor:
    """Which frames are not consecutive to the frames they are pushed from, bool (B, S).

    Args:
        batch: clips cut by one rule.
        steps: S.
        shift: the clip that a clip is pushed from is the one `shift` rows before it.
    """
    times = batch.times
    gap = times.diff(dim=1).amax(1, keepdim=True)  # (B, 1)
    near = (times - times.roll(shift, dims=0)).abs() < _CONSECUTIVE * gap  # (B, T)
    others = batch.videos[-shift:] + batch.videos[:-shift]
    same = [video == other for video, other in zip(batch.videos, others, strict=True)]
    return ~(near[:, :steps] & torch.tensor(same, device=times.device)[:, None])


def _check_training(training: Training) -> None:
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
