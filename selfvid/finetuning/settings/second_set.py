"""A second labelled data set beside the first: what it is, and which of it may be used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.splits import folds, own_split
from selfvid.encoders.base import Encoder
from selfvid.training.rates import Rates
from selfvid.errors import InputError


@dataclass(frozen=True)
class SecondPart:
    """What of the second data set goes with one fold of the first.

    Attributes:
        train: what is trained on.
        test: what is tested on, or None where the data set has no split of its own.
        train_left_out: rows that would be trained on, but the first tests on their videos.
        test_left_out: rows that would be tested on, but the first trains on their videos.
    """

    train: Manifest
    test: Manifest | None
    train_left_out: int
    test_left_out: int


@dataclass(frozen=True, kw_only=True)
class Also:
    """A second labelled data set, with a head of its own on the same encoder.

    Its clips are cut, cropped and changed like those of the first, and its head is of the same
    kind. Where it has a split of its own, it is trained on one part and tested on the other.

    Args:
        data: manifest of its videos.
        label: column of its labels.
        flow: folder of its videos' flow, for an encoder that eats flow; by default that of the
            first data set.
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
            raise InputError(f"weight of also is {self.weight}; expected 0 or more")

    @cached_property
    def videos(self) -> Manifest:
        """The labelled ones.

        Raises:
            InputError: where there are none.
        """
        if not self.data:
            raise InputError("also has no data; expected a manifest of labelled videos")
        return Manifest.read_labelled(self.data, self.label)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of its classes."""
        return tuple(self.videos.classes(self.label))

    def check(self, encoder: Encoder, rates: Rates) -> None:
        """Refuse an encoder that learns nothing, for which a second data set would be idle.

        Raises:
            InputError: where all of it is frozen.
        """
        if not any(rates.of(f"encoder.{name}") for name, _ in encoder.named_parameters()):
            raise InputError("also trains the encoder, whose rate is 0; expected more than 0")

    def part(self, train: Manifest, test: Manifest) -> SecondPart:
        """What goes with a fold of the first data set: no video is trained on and tested on.

        Args:
            train: training part of the fold.
            test: its test part.

        Raises:
            InputError: where a class is left without training videos, or no video to test.
        """
        videos = self.videos
        parted = own_split(videos) is not None
        whole, tested = videos, None
        if parted:
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


def _without(videos: Manifest, others: Manifest) -> Manifest:
    """The rows whose video is none of `others`."""
    taken = {row.video for row in others.rows}
    return videos.select([row.video not in taken for row in videos.rows])
