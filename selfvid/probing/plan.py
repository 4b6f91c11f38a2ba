"""How a probe is carried out: variants extracted, compared, and written down."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from selfvid.data.flow.folder import FlowFolder
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.splits import folds as make_folds
from selfvid.errors import InputError
from selfvid.features.extract import Cut, EncoderView
from selfvid.probing.baselines.histograms import variant as hand_made
from selfvid.probing.baselines.histograms.describe import describe_videos
from selfvid.probing.baselines.metadata import Baseline
from selfvid.probing.comparison import (
    ENCODER,
    FROZEN,
    RANDOM,
    SHUFFLED,
    START,
    Comparison,
    check_motion,
    compare,
    in_words,
)
from selfvid.probing.encoders import ProbedEncoder, random_weights
from selfvid.probing.features import Extraction, Gathered, baseline_features, gather
from selfvid.probing.label_curve import LabelCurve
from selfvid.probing.label_curve import label_curve as draw_curve
from selfvid.probing.protocol import about_data, about_encoder, about_method
from selfvid.probing.result import ProbeResult, write_probe
from selfvid.probing.variants import Learned, Task
from selfvid.results.leaks import relate_footage
from selfvid.results.protocol import about_machine
from selfvid.statistics import words


@dataclass(frozen=True)
class Plan:
    """What is asked of every variant, and which variants there are.

    Attributes:
        label: column of the labels.
        folds: their number, None for the default.
        seeds: random weights drawn, and draws of labels.
        seed: of folds, resampling and label draws.
        counts: labelled videos per class, of the label curve.
        motion: whether frozen and shuffled clips are probed.
        baselines: what the encoder is held against.
        histograms: whether it is held against histograms of visual words, too.
        flow: stored flow that those describe motion by; without it they estimate their own.
        allow: prefixes of class paths that may be built.
    """

    label: str
    folds: int | None
    seeds: int
    seed: int
    counts: tuple[int, ...]
    motion: bool
    baselines: tuple[Baseline, ...]
    histograms: bool
    flow: FlowFolder | None
    allow: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise InputError(f"seeds is {self.seeds}; expected at least 1")
        if min(self.counts, default=1) < 1:
            raise InputError(f"label_curve is {list(self.counts)}; expected 1 or more per class")

    def carry_out(
        self, probed: ProbedEncoder, whole: Manifest, cut: Cut, how: Extraction, *, asked: str
    ) -> ProbeResult:
        """Extract, compare, and write down."""
        began = time.monotonic()
        videos = self.labelled(whole)
        self.task(videos)  # at the door: what does not fit fails before anything is decoded
        for baseline in self.baselines:
            baseline.check(videos)
        gathered, learned = self.seen(probed, videos, cut, how)
        extracted = time.monotonic()
        videos = videos.select(gathered.read)
        task = self.task(videos)
        variants = gathered.variants | baseline_features(self.baselines, videos)
        found = compare({**variants, **learned}, task)
        moved = check_motion(variants, found, task, pool=str(cut.pool))
        tested = [videos.rows[at] for at in task.tested]
        past = probed.encoder.provenance
        footage = relate_footage(
            whole, tested, past.footage, labelled=past.labelled, generated=past.generated
        )
        result = ProbeResult.of(
            found,
            task,
            curve=self.curve(gathered, found, task),
            motion=moved,
            footage=footage,
            verdicts=(
                words.about_footage(**asdict(footage)),
                *in_words(found, task, start=probed.start),
                *(moved.words if moved else ()),
                *_left_out(whole, self.label, gathered),
            ),
            protocol={
                "command": asked,
                "encoder": about_encoder(probed),
                "data": about_data(videos, task, label=self.label),
                "method": about_method(cut, seed=self.seed, seeds=self.seeds),
                "histograms": self.about_histograms(),
                **about_machine(how.device),
                "left_out": gathered.faults,
                "features_reused": gathered.reused,
                "seconds": _seconds(began, extracted, time.monotonic()),
            },
            path=how.folder.parent,
        )
        write_probe(result, found.assessed, task, videos)
        return result

    def labelled(self, manifest: Manifest) -> Manifest:
        """The usable rows that have a label."""
        usable = manifest.usable
        if not len(usable):
            raise InputError(f"manifest has no usable video among {len(manifest)} rows")
        return usable.labelled(self.label)

    def task(self, videos: Manifest) -> Task:
        """Labels, groups and folds of `videos`."""
        folds = make_folds(videos, column=self.label, folds=self.folds, seed=self.seed)
        return Task(
            labels=videos.labels(self.label),
            groups=videos.groups,
            folds=tuple(folds),
            classes=tuple(videos.classes(self.label)),
            seed=self.seed,
        )

    def seen(
        self, probed: ProbedEncoder, videos: Manifest, cut: Cut, how: Extraction
    ) -> tuple[Gathered, dict[str, tuple[Learned, ...]]]:
        """What encoders make of the videos, and variants that are yet to learn from them."""
        gathered = gather(self.encoder_views(probed), videos, cut, how)
        if not self.histograms:
            return gathered, {}
        described = describe_videos(
            videos.select(gathered.read),
            cut.sampling,
            flow=self.flow,
            decoder=cut.decoder,
            workers=how.workers,
            quiet=how.quiet,
        )
        read = [video for video in described.videos if video is not None]
        learned: dict[str, tuple[Learned, ...]] = {
            hand_made.NAME: (hand_made.FeatureHistograms(read),)
        }
        return gathered.only(described.read, described.faults), learned

    def about_histograms(self) -> dict[str, Any] | None:
        """How histograms are made, as plain data; None where none are."""
        if not self.histograms:
            return None
        return hand_made.about_histograms(stored_flow=self.flow is not None)

    def encoder_views(self, probed: ProbedEncoder) -> dict[str, tuple[EncoderView, ...]]:
        """The networks that are shown the videos, by variant."""
        encoder = probed.encoder
        encoder_views: dict[str, tuple[EncoderView, ...]] = {ENCODER: (EncoderView(encoder),)}
        if probed.at_start is not None:
            encoder_views[START] = (EncoderView(probed.at_start),)
        encoder_views[RANDOM] = tuple(
            EncoderView(random_weights(encoder, seed, allow=self.allow))
            for seed in range(self.seeds)
        )
        if self.motion:
            encoder_views |= {
                FROZEN: (EncoderView(encoder, "frozen"),),
                SHUFFLED: (EncoderView(encoder, "shuffled"),),
            }
        return encoder_views

    def curve(self, gathered: Gathered, found: Comparison, task: Task) -> LabelCurve | None:
        """Encoder and random weights with few labels."""
        if not self.counts:
            return None
        pair = {name: gathered.variants[name] for name in (ENCODER, RANDOM)}
        full = {name: found.assessed[name].correct for name in pair}
        return draw_curve(pair, full, task, counts=self.counts, draws=self.seeds)


def _seconds(began: float, extracted: float, assessed: float) -> dict[str, float]:
    return {
        "features": round(extracted - began, 1),
        "classifiers": round(assessed - extracted, 1),
    }


def _left_out(manifest: Manifest, label: str, gathered: Gathered) -> Sequence[str]:
    """Which videos the figures are not about."""
    usable = manifest.usable
    unlabelled = usable.column(label).count("")
    said = []
    if len(manifest) > len(usable):
        said.append(f"{len(manifest) - len(usable)} rows of the manifest are bad or duplicates")
    if unlabelled:
        said.append(f"{unlabelled} videos have no {label}")
    unread = int(np.sum(~gathered.read))
    if unread:
        said.append(f"{unread} videos could not be read ({gathered.faults[0]})")
    return [f"left out: {'; '.join(said)}"] if said else []
