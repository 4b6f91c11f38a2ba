"""Multi-task training: one encoder is trained on two labelled data sets, with a head for each.

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
        train: the training videos.
        test: the test videos, or None if the data set has no split of its own.
        train_left_out: number of rows left out of training, since the first data set tests on
            their videos.
        test_left_out: number of rows left out of the test, since the first data set trains on
            their videos.
    """

    train: Manifest
    test: Manifest | None
    train_left_out: int
    test_left_out: int


@dataclass(frozen=True, kw_only=True)
class SecondData:
    """The settings of a second labelled data set, with a head of its own on the same encoder.

    Its clips are cut, cropped and augmented like those of the first data set, and its head is of
    the same class. If it has a split of its own, the network is trained on its training part and
    tested on its test part; otherwise it is only trained on.

    Args:
        data: manifest of its videos.
        label: column of its labels.
        flow: folder of its videos' optical flow, for an encoder that takes flow; by default the
            folder of the first data set.
        batch: number of its clips in every step, over all processes, in addition to those of the
            first data set; by default as many as of the first.
        weight: factor of its loss in the sum of both losses.

    Raises:
        InputError: If the weight is negative.
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
        """Its labelled videos.

        Raises:
            InputError: If there are none.
        """
        if not self.data:
            raise InputError("second has no data; expected a manifest of labelled videos")
        return Manifest.read_labelled(self.data, self.label)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of its classes."""
        return tuple(self.videos.classes(self.label))

    def check(self, encoder: Encoder, rates: Rates) -> None:
        """Check that the encoder is trained: a second data set would not change a frozen one.

        Raises:
            InputError: If all of the encoder is frozen.
        """
        if not any(rates.of(f"encoder.{name}") for name, _ in encoder.named_parameters()):
            raise InputError("second trains the encoder, whose rate is 0; expected more than 0")

    def part(self, train: Manifest, test: Manifest) -> SecondPart:
        """Return the part for one fold of the first data set.

        Videos that the fold tests on are left out of training, and videos that it trains on are
        left out of the test.

        Args:
            train: training videos of the fold.
            test: test videos of the fold.

        Raises:
            InputError: If a class has no training video left, or no test video is left.
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
    """A stream whose batches join a batch of a first stream and a batch of a second one.

    ::

        number   0       1
        first    b d     a c
        second   X V W   Z X Y
        joint    bdXVW   acZXY

    The indices of the second data set begin after those of the first, as in `SideBySide`. Each
    process has its part of both.

    Args:
        first: the stream of the first data set.
        second: the stream of the second data set, with as many batches.
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
            InputError: If a batch cannot be shared out evenly.
        """
        for stream in (self.first, self.second):
            stream.share_out(rank, world)

    def batch(self, number: int) -> list[ClipKey]:
        """Return this process's keys of batch `number`."""
        first = self.first.batch(number)
        second = self.second.batch(number)
        return [*first, *(replace(key, index=key.index + self.first.videos) for key in second)]


class MultiTaskTraining(SupervisedTraining):
    """Trains one encoder and two heads on batches of both data sets.

    The encoder processes the whole batch, and each head the clips of its own data set. The sum of
    both losses is minimised; each loss is the mean over its own clips.

    Args:
        args: positional arguments of `SupervisedTraining`; the classifier must have two heads.
        weight: factor of the second loss.
        more: further arguments of `SupervisedTraining`.
    """

    def __init__(self, *args: Any, weight: float, **more: Any) -> None:
        super().__init__(*args, **more)
        self.weight = weight

    def losses_of(self, clip: Tensor, batch: ClipBatch) -> Losses:
        """Return the losses of both heads.

        The labels of the second data set begin after those of the first, as in `SideBySide`.

        Raises:
            InputError: If the batch has clips of one data set only.
        """
        both = self.classifier
        assert isinstance(both, TwoHeads)
        assert batch.labels is not None
        features = self.features_of(clip)
        count = int((batch.labels < both.head.classes).sum())  # clips of the first data set
        if not 0 < count < len(batch):
            raise InputError(
                "a batch has clips of one of the two data sets only: all videos of the other are "
                "shorter than a clip"
            )
        of_first, of_second = slice(count), slice(count, None)
        said = both.head(features.of(of_first))
        first = supervised_losses(both.head, said, batch.labels[of_first])
        said = both.second_head(features.of(of_second))
        labels = batch.labels[of_second] - both.head.classes
        second = supervised_losses(both.second_head, said, labels)
        parts = {"first_loss": first.total, "second_loss": second.total}
        parts |= first.parts | {f"second_{name}": part for name, part in second.parts.items()}
        return Losses(first.total + self.weight * second.total, parts)


def _without(videos: Manifest, others: Manifest) -> Manifest:
    """Return the rows of `videos` whose video is not in `others`."""
    excluded = {row.video for row in others.rows}
    return videos.select([row.video not in excluded for row in videos.rows])
