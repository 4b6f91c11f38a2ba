"""Multi-task training over two data sets, after Simonyan and Zisserman (NIPS 2014)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.clips.side_by_side import SideBySide
from selfvid.finetuning.classifier import TwoHeads
from selfvid.finetuning.clip_source import Course
from selfvid.finetuning.second_set.batches import PairedStream
from selfvid.finetuning.step import Supervised, judged
from selfvid.finetuning.settings.run import Supervision
from selfvid.errors import InputError
from selfvid.types import ClipBatch, Losses


class MultiTask(Supervised):
    """Trains one encoder and two heads on batches of both data sets.

    The encoder sees a whole batch; each head its own clips. What is minimised is the sum of both
    losses, each the mean over its own clips.

    Args:
        weight: factor of the second's loss.
        more: as `Supervised` explains them; the classifier has two heads.
    """

    def __init__(self, *args: Any, weight: float, **more: Any) -> None:
        super().__init__(*args, **more)
        self.weight = weight

    def losses_of(self, clip: Tensor, lengths: Tensor | None, batch: ClipBatch) -> Losses:
        """Both heads' losses; labels of the second count on from those of the first."""
        both = self.classifier
        assert isinstance(both, TwoHeads)
        assert batch.labels is not None
        if self.crop is not None:
            clip = self.crop(clip)
        features = both.encoder(clip, lengths)
        count = int((batch.labels < both.head.classes).sum())
        if not 0 < count < len(batch):
            raise InputError(
                "a batch has clips of one of the two data sets only: all videos of the other are "
                "shorter than a clip"
            )
        mine, theirs = slice(count), slice(count, None)
        first = judged(both.head, features.of(mine), batch.labels[mine])
        second = judged(
            both.second_head, features.of(theirs), batch.labels[theirs] - both.head.classes
        )
        told = {"first_loss": first.total, "second_loss": second.total}
        told |= first.parts | {f"second_{name}": part for name, part in second.parts.items()}
        return Losses(first.total + self.weight * second.total, told)


def with_second(
    course: Course, job: Supervision, dataset: ClipDataset, *, train: Manifest
) -> Course:
    """The course with as many batches of a second data set, each joined to one of its own.

    Args:
        course: of the first data set's clips.
        job: what is trained, with a second data set.
        dataset: the first's clips.
        train: what is trained on of the second.

    Raises:
        InputError: where the second's clips do not fit the first's, or the encoder.
    """
    also = job.also
    assert also is not None
    own = job.second(size=dataset.size)
    clips = own.dataset(train, also.classes, testing=False)
    clips.require_fitting()
    own.check(clips)
    drawn = own.stream(train.labels(also.label, classes=also.classes))
    return replace(
        course,
        clips=SideBySide(dataset, clips, classes=job.head.classes),
        stream=PairedStream(course.stream, drawn),
        module=partial(MultiTask, weight=also.weight),
    )
