"""What a probe judges: one encoder, or several encoders whose vectors stand side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.manifest.splits import Fold
from selfvid.errors import InputError
from selfvid.features.extract import Cut, EncoderView
from selfvid.probing.comparison import (
    ENCODER,
    FROZEN,
    FROZEN_FLOW,
    RANDOM,
    SHUFFLED,
    SHUFFLED_FLOW,
    START,
)
from selfvid.probing.encoders import ProbedEncoder, random_weights
from selfvid.probing.variants import FeaturesOfFolds, Floats, LearnedFeatures
from selfvid.results.leaks import Footage, relate_footage


@dataclass(frozen=True, eq=False)
class Member:
    """An encoder of a subject, and how videos become its vectors.

    Attributes:
        name: its name, of its run or folder.
        probed: the encoder.
        cut: how videos become its vectors.
    """

    name: str
    probed: ProbedEncoder
    cut: Cut


@dataclass(frozen=True, eq=False)
class Subject:
    """The encoders that a probe judges as one.

    Attributes:
        members: one or several encoders.
        later: if each fold has encoders of its own, `members` are those of the first fold, and
            these are the subjects of the other folds, in order.
    """

    members: tuple[Member, ...]
    later: tuple[Subject, ...] = ()

    @staticmethod
    def of(
        names: Sequence[str], folds: Sequence[Sequence[ProbedEncoder]], cuts: Sequence[Cut]
    ) -> Subject:
        """Return the subject of encoders.

        Args:
            names: the name of each encoder.
            folds: the encoders of each fold; of one only, if they are judged in all folds.
            cuts: how videos become the vectors of each encoder.
        """
        first, *later = (tuple(map(Member, names, probed, cuts)) for probed in folds)
        return Subject(first, tuple(map(Subject, later)))

    @property
    def of_folds(self) -> tuple[Subject, ...]:
        """The subject of each fold; this one alone if it is judged in all folds."""
        return (replace(self, later=()), *self.later)

    @property
    def name(self) -> str:
        """Name in the tables: "encoder" for one encoder, otherwise the names of all."""
        if len(self.members) == 1:
            return ENCODER
        return " + ".join(member.name for member in self.members)

    @property
    def home(self) -> Path:
        """Default folder of the result; of several encoders, beside the run of the first."""
        first = self.members[0].probed
        if len(self.members) == 1 and not self.later:
            return first.home
        place = (first.folder if first.run is None else first.run).absolute()
        if self.later:
            place = place.parents[1]  # of RUN/folds/1
        if len(self.members) == 1:
            own = first.folder.name
            return place / ("probe" if own == "encoder" else f"{own}-probe")
        joined = "+".join(member.name.replace("/", "_") for member in self.members)
        return place.with_name(f"{joined}-probe")

    @property
    def start(self) -> str:
        """Which weights the encoders began with, in words."""
        starts = [member.probed.start for member in self.members]
        if len(set(starts)) == 1:
            return starts[0]
        return ", ".join(
            f"{m.name}: {start}" for m, start in zip(self.members, starts, strict=True)
        )

    @property
    def in_time(self) -> bool:
        """Whether the clips of an encoder have more than one frame."""
        return any(member.cut.sampling.length > 1 for member in self.members)

    def titled(self, variant: str) -> str:
        """Return the name of a variant with the name of this subject in place of "encoder"."""
        ours = variant == ENCODER or variant.startswith((f"{ENCODER} ", f"{ENCODER},"))
        return self.name + variant.removeprefix(ENCODER) if ours else variant

    def views(
        self, *, seeds: int, motion: bool, allow: Sequence[str] = ()
    ) -> list[dict[str, tuple[EncoderView, ...]]]:
        """Return, for each encoder, the repeats of every variant and the views they are given.

        All encoders of a variant change together: all are as at the start, or drawn anew, or see
        frozen or shuffled clips. Encoders of one architecture are drawn with different seeds. If
        each fold has encoders of its own, the repeats of a variant that depends on them are those
        of the folds, in order.

        Args:
            seeds: number of random weights.
            motion: whether there are variants with frozen and with shuffled clips.
            allow: prefixes of the class paths that may be built.
        """
        kept = all(m.probed.at_start is not None for one in self.of_folds for m in one.members)
        flow = any(member.cut.flow is not None for member in self.members)
        found = []
        for number in range(len(self.members)):
            probed = [one.members[number].probed for one in self.of_folds]
            encoders = [each.encoder for each in probed]
            views: dict[str, tuple[EncoderView, ...]] = {ENCODER: tuple(map(EncoderView, encoders))}
            starts = [each.at_start for each in probed if each.at_start is not None]
            if kept:
                views[START] = tuple(map(EncoderView, starts))
            views[RANDOM] = tuple(
                EncoderView(random_weights(encoders[0], seed + number * seeds, allow=allow))
                for seed in range(seeds)
            )
            if motion:
                names = (FROZEN_FLOW, SHUFFLED_FLOW) if flow else (FROZEN, SHUFFLED)
                views[names[0]] = tuple(EncoderView(each, "frozen") for each in encoders)
                views[names[1]] = tuple(EncoderView(each, "shuffled") for each in encoders)
            found.append(views)
        return found

    def judged(
        self, variants: Mapping[str, tuple[Floats, ...]]
    ) -> dict[str, tuple[Floats | LearnedFeatures, ...]]:
        """Return the features of `views` as what is judged.

        If each fold has encoders of its own, those features of a variant that depend on them are
        one repeat, and each fold takes its own of them.

        Args:
            variants: features (N, D) of every repeat, by name of the variant.
        """
        return {
            name: (FeaturesOfFolds(repeats),) if self.later and name != RANDOM else repeats
            for name, repeats in variants.items()
        }

    def footage_of_folds(self, whole: Manifest, videos: Manifest, folds: Sequence[Fold]) -> Footage:
        """Return how many test videos were in the footage of the encoders that are tested on them.

        Args:
            whole: all rows.
            videos: those that are classified.
            folds: the folds; as many as subjects, if each fold has encoders of its own.

        Raises:
            InputError: If an encoder of one fold only has seen what this fold tests.
        """
        if not self.later:
            places = np.sort(np.concatenate([fold.test for fold in folds]))
            return self.footage(whole, videos.select(places).rows)
        parts = []
        for own, fold in zip(self.of_folds, folds, strict=True):
            parts.append(own.footage(whole, videos.select(fold.test).rows))
            if parts[-1].seen:
                raise InputError(
                    f"the encoder of {fold.name}, {str(own.members[0].probed.folder)!r}, was "
                    f"trained on {parts[-1].seen} of the {parts[-1].tested} videos that this fold "
                    "tests; expected encoders of the same folds"
                )
        return Footage.summed(parts)

    def footage(self, whole: Manifest, tested: Sequence[Row]) -> Footage:
        """Return how many test videos were in the footage that any of the encoders has seen."""
        pasts = [member.probed.encoder.provenance for member in self.members]
        found = relate_footage(
            whole,
            tested,
            [video for past in pasts for video in past.footage],
            labelled=[video for past in pasts for video in past.labelled],
            generated="".join(past.generated for past in pasts),
        )
        return replace(found, known=all(past.footage or past.generated for past in pasts))

    def other_flow(self) -> list[str]:
        """Return a sentence for each encoder that was trained on flow of another estimator."""
        sentences = []
        for member in self.members:
            before = member.probed.encoder.provenance.flow
            now = "" if member.cut.flow is None else member.cut.flow.estimators
            if before and now and before != now:
                called = "the encoder" if len(self.members) == 1 else member.name
                sentences.append(
                    f"other flow: {called} was trained on flow by {before}, and is given flow "
                    f"by {now}"
                )
        return sentences


def names_of(folders: Sequence[Path]) -> list[str]:
    """Return short names of the folders of runs: the last part of a path, or all if two are equal.

    Raises:
        InputError: If a folder is given twice.
    """
    places = [folder.absolute() for folder in folders]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise InputError(f"encoder {str(folders[number])!r} is given twice; expected it once")
    short = [place.parent.name if place.name == "encoder" else place.name for place in places]
    return short if len(set(short)) == len(short) else [str(folder) for folder in folders]
