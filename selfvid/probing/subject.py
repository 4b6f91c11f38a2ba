"""What a probe judges: one encoder, or several encoders whose vectors stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from selfvid.data.manifest.manifest import Manifest, Row
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
    """

    members: tuple[Member, ...]

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
        if len(self.members) == 1:
            return first.home
        place = (first.folder if first.run is None else first.run).absolute()
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
        frozen or shuffled clips. Encoders of one architecture are drawn with different seeds.

        Args:
            seeds: number of random weights.
            motion: whether there are variants with frozen and with shuffled clips.
            allow: prefixes of the class paths that may be built.
        """
        kept = all(member.probed.at_start is not None for member in self.members)
        flow = any(member.cut.flow is not None for member in self.members)
        found = []
        for number, member in enumerate(self.members):
            encoder, at_start = member.probed.encoder, member.probed.at_start
            views: dict[str, tuple[EncoderView, ...]] = {ENCODER: (EncoderView(encoder),)}
            if kept and at_start is not None:
                views[START] = (EncoderView(at_start),)
            views[RANDOM] = tuple(
                EncoderView(random_weights(encoder, seed + number * seeds, allow=allow))
                for seed in range(seeds)
            )
            if motion:
                views[FROZEN_FLOW if flow else FROZEN] = (EncoderView(encoder, "frozen"),)
                views[SHUFFLED_FLOW if flow else SHUFFLED] = (EncoderView(encoder, "shuffled"),)
            found.append(views)
        return found

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
