"""Joint training with temporal coherence, as the videoCNN of Mobahi et al. (ICML 2009) does it.

After each supervised step, two further updates are made on unlabelled videos: a pull step moves
the features of consecutive frames closer together, and a push step moves the features of frames
that are not consecutive at least a margin apart.
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
"""The kinds of updates that make one step of a run, in their order."""

# Two frames of one video count as consecutive if their times differ by less than this many gaps.
# Consecutive frames differ by one gap and the next ones by two; times are rounded.
_CONSECUTIVE = 1.5


@dataclass(frozen=True, kw_only=True)
class Coherence:
    """The settings of pull and push steps.

    Both kinds of step train the encoder's step vectors (B, S, D), and do not use the head.

    Args:
        data: manifest of unlabelled videos; labels in it are not used.
        clips: which frames of a video make a clip of consecutive frames; at least two frames.
        batch: number of clips in a pull step, and in a push step, over all processes.
        margin: L1 distance from which on two frames that are not consecutive cost nothing.
        weight: factor of the losses of pull and push steps.

    Raises:
        InputError: If margin, weight or batch is out of range.
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
        """Number of clips that are cut from one opened video."""
        return int(getattr(self.clips, "clips", 1))

    @cached_property
    def footage(self) -> Manifest:
        """The unlabelled videos that can be read.

        Raises:
            InputError: If there are none.
        """
        if not self.data:
            raise InputError("coherence has no data; expected a manifest of unlabelled footage")
        usable = Manifest.read(self.data).usable
        if not len(usable):
            raise InputError(f"{self.data!r} has no usable video; expected unlabelled footage")
        return usable

    def seen(self, stills: Collection[str]) -> set[str]:
        """Return the content ids that the encoder sees in pull and push steps.

        These are the ids of the unlabelled videos, and those of labelled images that are frames of
        these videos.

        Args:
            stills: content ids of labelled images.
        """
        return {row.video for row in self.footage.rows} | shown_in(self.footage, stills)

    def check(
        self, encoder: Encoder, *, flow: str | None, rates: Rates, training: Training
    ) -> None:
        """Check that the encoder can be trained with these settings, and that videos are there.

        Args:
            encoder: the encoder.
            flow: folder of optical flow, or None if the run reads pixels.
            rates: factors of the learning rate by part.
            training: steps, batch, devices and the like.

        Raises:
            InputError: If a setting does not fit; the message names it.
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
        _ = self.footage  # reads the manifest now, before a run folder is made


class AlternatingStream(BatchStream):
    """A stream in which two batches of unlabelled videos follow each labelled batch.

    ::

        number      0       1      2      3       4      5
        kind        labels  pull   push   labels  pull   push
        labelled    0                     1
        unlabelled          0      1              2      3

    The indices of unlabelled videos begin after those of the labelled ones, as in `SideBySide`.

    Args:
        labelled: stream with one batch for each step.
        unlabelled: stream with two batches for each step.
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
        """The number that decides, with the seed, what is random about the current batch.

        For a labelled batch it is the number of the step, as in training without coherence. Every
        other batch has a number of its own.
        """
        stream, number = self._place(self.done)
        return number if stream is self.labelled else self.labelled.total + number

    def share_out(self, rank: int, world: int) -> None:
        """Keep this process's part of every batch of both streams.

        Raises:
            InputError: If a batch cannot be shared out evenly.
        """
        for stream in (self.labelled, self.unlabelled):
            stream.share_out(rank, world)

    def batch(self, number: int) -> list[ClipKey]:
        """Return this process's keys of batch `number`."""
        stream, own = self._place(number)
        before = 0 if stream is self.labelled else self.labelled.videos
        return [replace(key, index=key.index + before) for key in stream.batch(own)]

    def _place(self, number: int) -> tuple[BatchStream, int]:
        """Return the stream that batch `number` comes from, and its number in that stream."""
        step, kind = divmod(number, len(STEP_KINDS))
        if kind == 0:
            return self.labelled, step
        return self.unlabelled, (len(STEP_KINDS) - 1) * step + kind - 1


class JointTraining(SupervisedTraining):
    """Makes supervised, pull and push steps in turn, each with an update of its own.

    Args:
        args: positional arguments of `SupervisedTraining`.
        coherence: the settings of pull and push steps.
        stream: the stream that says which kind of step comes next.
        more: further arguments of `SupervisedTraining`.
    """

    def __init__(
        self, *args: Any, coherence: Coherence, stream: AlternatingStream, **more: Any
    ) -> None:
        super().__init__(*args, stream=stream, **more)
        self.coherence = coherence
        self.alternating = stream
        self._figures: dict[str, Tensor] = {}

    def losses_of(self, clip: Tensor, batch: ClipBatch) -> Losses:
        """Return the head's loss of labelled clips, or the pull or push loss of unlabelled ones."""
        kind = self.alternating.kind
        if kind == "labels":
            losses = super().losses_of(clip, batch)
            figures = {"loss": losses.total} | losses.parts
        else:
            z = self.features_of(clip).need_steps("coherence")  # (B, S, D)
            loss = pull_loss(z) if kind == "pull" else self._push(z, batch)
            losses, figures = Losses(self.coherence.weight * loss), {kind: loss}
        self._figures |= {name: figure.detach() for name, figure in figures.items()}
        return losses

    def figures(self) -> dict[str, Tensor]:
        """Return the latest losses of each kind of step; pull and push are without their weight."""
        return self._figures

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the latest losses too, since a run may be resumed between the updates of a step."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["figures"] = self._figures

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the latest losses."""
        super().on_load_checkpoint(checkpoint)
        self._figures = dict(checkpoint.get("figures", {}))

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Move the learning rate once per step, so that its three updates have the same rate."""
        del metric
        if self.alternating.kind == STEP_KINDS[0]:
            scheduler.step()

    def _push(self, z: Tensor, batch: ClipBatch) -> Tensor:
        shift = self.coherence.clips_per_video
        counted = not_consecutive(batch, steps=z.shape[1], shift=shift)
        with torch.autocast(z.device.type, enabled=False):
            return push_loss(z.float(), margin=self.coherence.margin, shift=shift, counted=counted)


def not_consecutive(batch: ClipBatch, *, steps: int, shift: int) -> Tensor:
    """Return which pairs of frames of a push step are not consecutive, bool (B, S).

    Args:
        batch: clips that were cut by the same rule.
        steps: number S of steps of the encoder along a clip.
        shift: each clip is compared with the clip `shift` rows before it.
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
