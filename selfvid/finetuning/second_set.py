"""A second labelled data set with a head of its own: multi-task training.

After Simonyan and Zisserman, Two-stream convolutional networks for action recognition in videos,
NIPS 2014, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from torch import Tensor

from selfvid.data.clips.dataset import ClipKey
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.splits import folds, own_split
from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.finetuning.classifier import TwoHeads
from selfvid.finetuning.step import SupervisedTraining, supervised_losses
from selfvid.training.batches import BatchStream
from selfvid.training.rates import Rates
from selfvid.types import ClipBatch, Losses


@dataclass(frozen=True)
class SecondPart:
    """The part of the second data set that goes with one fold of the first.

    Attributes:
        train: the videos that are trained on.
        test: those that are tested on, or None where the data set has no split of its own.
        train_left_out: rows that would be trained on, but the first tests on their videos.
        test_left_out: rows that would be tested on, but the first trains on their videos.
    """

    train: Manifest
    test: Manifest | None
    train_left_out: int
    test_left_out: int


@dataclass(frozen=True, kw_only=True)
class SecondData:
    """The settings of a second labelled data set, with a head of its own on the same encoder.

    Its clips are cut, cropped and augmented like those of the first, and its head is of the same
    kind. Where it has a split of its own, it is trained on one part and tested on the other.

    Args:
        data: manifest of its videos.
        label: column of its labels.
        flow: folder of its videos' flow, for an encoder of flow; by default that of the first
            data set.
        batch: clips of it in every step, over all processes, beside those of the first; by
            default as many.
        weight: factor of its loss, which is added to the first's.
    """

    data: str = ""
    label: str = "label"
    flow: str | None = None
    batch: int | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise InputError(f"weight of second is {self.weight}; expected 0 or more")

    @cached_property
    def videos(self) -> Manifest:
        """The labelled videos.

        Raises:
            InputError: where there are none.
        """
        if not self.data:
            raise InputError("second has no data; expected a manifest of labelled videos")
        return Manifest.read_labelled(self.data, self.label)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of its classes."""
        return tuple(self.videos.classes(self.label))

    def check(self, encoder: Encoder, rates: Rates) -> None:
        """Refuse a frozen encoder, which a second data set would not change.

        Raises:
            InputError: where all of it is frozen.
        """
        if not any(rates.of(f"encoder.{name}") for name, _ in encoder.named_parameters()):
            raise InputError("second trains the encoder, whose rate is 0; expected more than 0")

    def part(self, train: Manifest, test: Manifest) -> SecondPart:
        """The part that goes with a fold of the first: no video is trained on and tested on.

        Args:
            train: training part of the fold.
            test: its test part.

        Raises:
            InputError: where a class is left without training videos, or no video to test.
        """
        videos = self.videos
        whole, tested = videos, None
        if own_split(videos) is not None:
            (fold,) = folds(videos, column=self.label)
            whole, tested = videos.select(fold.train), videos.select(fold.test)
        kept = _without(whole, test)
        missing = set(self.classes) - set(kept.column(self.label))
        if missing:
            raise InputError(
                f"{self.label} {min(missing)!r} of {self.data!r} has no training video that the "
                "first data set does not test on; expected some of every class"
            )
        fair = None if tested is None else _without(tested, train)
        if fair is not None and not len(fair):
            raise InputError(
                f"the first data set trains on all test videos of {self.data!r}; expected others, "
                "or an empty column split"
            )
        return SecondPart(
            train=kept,
            test=fair,
            train_left_out=len(whole) - len(kept),
            test_left_out=0 if tested is None or fair is None else len(tested) - len(fair),
        )


class PairedStream(BatchStream):
    """Every batch is one of the first stream and, behind it, one of the second.

    ::

        number   0       1
        first    b d     a c
        second   X V W   Z X Y
        joint    bdXVW   acZXY

    Keys of the second count on from those of the first, as `SideBySide` wants them. Each process
    has its part of both.

    Args:
        first: a batch for each number.
        second: likewise, as many.
    """

    def __init__(self, first: BatchStream, second: BatchStream) -> None:
        super().__init__(
            first.videos + second.videos,
            per_batch=first.per_batch + second.per_batch,
            total=first.total,
            seed=first.seed,
        )
        self.first, self.second = first, second

    def share_out(self, rank: int, world: int) -> None:
        """Keep this process's part of every batch of both streams.

        Raises:
            InputError: where a batch cannot be shared out evenly.
        """
        for stream in (self.first, self.second):
            stream.share_out(rank, world)

    def batch(self, number: int) -> list[ClipKey]:
        """This process's keys of batch `number`."""
        before = self.first.videos
        behind = [replace(key, index=key.index + before) for key in self.second.batch(number)]
        return [*self.first.batch(number), *behind]


class MultiTaskTraining(SupervisedTraining):
    """Trains one encoder and two heads on batches of both data sets.

    The encoder sees a whole batch; each head its own clips. The sum of both losses is minimised,
    each the mean over its own clips.

    Args:
        weight: factor of the second's loss.
        more: as `SupervisedTraining` explains them; the classifier has two heads.
    """

    def __init__(self, *args: Any, weight: float, **more: Any) -> None:
        super().__init__(*args, **more)
        self.weight = weight

    def losses_of(self, clip: Tensor, batch: ClipBatch) -> Losses:
        """Both heads' losses; labels of the second count on from those of the first."""
        both = self.classifier
        assert isinstance(both, TwoHeads)
        assert batch.labels is not None
        features = both.encoder(self.cropped(clip))
        count = int((batch.labels < both.head.classes).sum())
        if not 0 < count < len(batch):
            raise InputError(
                "a batch has clips of one of the two data sets only: all videos of the other are "
                "shorter than a clip"
            )
        mine, theirs = slice(count), slice(count, None)
        first = supervised_losses(both.head, features.of(mine), batch.labels[mine])
        labels = batch.labels[theirs] - both.head.classes
        second = supervised_losses(both.second_head, features.of(theirs), labels)
        parts = {"first_loss": first.total, "second_loss": second.total}
        parts |= first.parts | {f"second_{name}": part for name, part in second.parts.items()}
        return Losses(first.total + self.weight * second.total, parts)


def _without(videos: Manifest, others: Manifest) -> Manifest:
    """The rows whose video is none of `others`."""
    taken = {row.video for row in others.rows}
    return videos.select([row.video not in taken for row in videos.rows])
