"""Joint training with temporal coherence, the videoCNN of Mobahi et al. (ICML 2009)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.side_by_side import SideBySide
from selfvid.finetuning.balanced_batches import BalancedStream
from selfvid.finetuning.settings.coherence import Coherence
from selfvid.finetuning.clip_source import Course
from selfvid.training.clips import clip_dataset
from selfvid.finetuning.step import Supervised
from selfvid.finetuning.settings.run import Supervision
from selfvid.finetuning.coherence.batches import TURNS, TurnStream
from selfvid.objectives.temporal_coherence import pull_loss, push_loss
from selfvid.types import ClipBatch, Losses

# Frames of one video that are nearer than this, told in gaps between consecutive ones, are no
# pair to push: one gap apart is consecutive, and times are rounded.
_CONSECUTIVE = 1.5


class JointTraining(Supervised):
    """Takes supervised, pull and push steps in turn, each an update of its own.

    Args:
        coherence: what pull and push steps are like.
        stream: says whose turn it is.
        more: as `Supervised` explains them.
    """

    def __init__(self, *args: Any, coherence: Coherence, stream: TurnStream, **more: Any) -> None:
        super().__init__(*args, stream=stream, **more)
        self.coherence = coherence
        self.turns = stream
        self._figures: dict[str, Tensor] = {}

    def losses_of(self, clip: Tensor, lengths: Tensor | None, batch: ClipBatch) -> Losses:
        """The head's loss of labelled clips; of footage what pulls or pushes its frames."""
        turn = self.turns.turn
        if turn == "labels":
            losses = super().losses_of(clip, lengths, batch)
            told = {"loss": losses.total} | losses.parts
        else:
            z = self._vectors(clip, lengths)
            loss = pull_loss(z) if turn == "pull" else self._push(z, batch)
            losses, told = Losses(self.coherence.weight * loss), {turn: loss}
        self._figures |= {name: figure.detach() for name, figure in told.items()}
        return losses

    def figures(self) -> dict[str, Tensor]:
        """The latest of each kind of step; pull and push as they are before their weight."""
        return self._figures

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Move the rate with the steps of the run: the three updates of one have the same."""
        del metric
        if self.turns.turn == TURNS[0]:
            scheduler.step()

    def _vectors(self, clip: Tensor, lengths: Tensor | None) -> Tensor:
        if self.crop is not None:
            clip = self.crop(clip)
        features = self.classifier.encoder(clip, lengths)
        vectors: Tensor = features.need_steps("coherence")
        return vectors

    def _push(self, z: Tensor, batch: ClipBatch) -> Tensor:
        shift = self.coherence.clips_per_video
        counted = apart(batch, steps=z.shape[1], shift=shift)
        with torch.autocast(z.device.type, enabled=False):
            return push_loss(z.float(), margin=self.coherence.margin, shift=shift, counted=counted)


def apart(batch: ClipBatch, *, steps: int, shift: int) -> Tensor:
    """Which frames are not consecutive to their others, bool (B, S).

    Args:
        batch: clips cut by one rule.
        steps: S.
        shift: a clip's other is the one `shift` rows before it.
    """
    times = batch.times
    gap = times.diff(dim=1).amax(1, keepdim=True)
    near = (times - times.roll(shift, dims=0)).abs() < _CONSECUTIVE * gap
    others = batch.videos[-shift:] + batch.videos[:-shift]
    same = [video == other for video, other in zip(batch.videos, others, strict=True)]
    return ~(near[:, :steps] & torch.tensor(same, device=times.device)[:, None])


def with_coherence(course: Course, job: Supervision, dataset: ClipDataset) -> Course:
    """The course with a pull and a push step on unlabelled footage after each of its own.

    Args:
        course: of labelled clips.
        job: what is trained, with coherence.
        dataset: the labelled clips.

    Raises:
        InputError: where the footage cannot be read, or no video of it is as long as a clip.
    """
    coherence = job.coherence
    assert coherence is not None
    footage = clip_dataset(
        coherence.footage,
        coherence.clips,
        job.encoder,
        flow=None,
        size=dataset.size,
        seed=job.seed,
        decoder=job.decoder,
        decoded=job.decoded,
        faults=job.faults,
    )
    footage.require_fitting()
    # All of one class: whatever was drawn before, each place of a batch draws any video.
    drawn = BalancedStream(
        [0] * len(footage),
        per_batch=coherence.batch // coherence.clips_per_video,
        total=(len(TURNS) - 1) * course.stream.total,
        seed=job.seed,
    )
    return Course(
        clips=SideBySide(dataset, footage),
        stream=TurnStream(course.stream, drawn),
        workers=course.workers,
        module=partial(JointTraining, coherence=coherence),
        updates=len(TURNS),
    )
