"""The plan of a probe: which variants there are, how they are extracted, compared and written."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from selfvid.data.flow.origin import FlowOrigin
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.splits import folds as make_folds
from selfvid.errors import InputError
from selfvid.features.extract import Cut, EncoderView
from selfvid.probing.baselines.base import Baseline
from selfvid.probing.baselines.histograms import variant as histograms
from selfvid.probing.baselines.histograms.describe import describe_videos
from selfvid.probing.comparison import (
    ENCODER,
    FROZEN,
    FROZEN_FLOW,
    RANDOM,
    SHUFFLED,
    SHUFFLED_FLOW,
    START,
    Comparison,
    check_motion,
    compare,
    is_view,
    verdicts,
)
from selfvid.probing.encoders import ProbedEncoder, random_weights
from selfvid.probing.features import Extraction, Gathered, baseline_features, gather
from selfvid.probing.label_curve import LabelCurve, label_curve
from selfvid.probing.protocol import about_data, about_encoder, about_method
from selfvid.probing.result import ProbeResult, write_probe
from selfvid.probing.variants import Floats, LearnedFeatures, Task
from selfvid.results.leaks import Footage, relate_footage
from selfvid.results.protocol import about_machine
from selfvid.statistics import words


@dataclass(frozen=True)
class Plan:
    """The variants of a probe, and the settings that all of them share.

    Attributes:
        label: the manifest's column of labels.
        folds: number of folds; None takes the default.
        seeds: number of random weights, and of draws of labels for each point of the label curve.
        seed: of folds, resampling and label draws.
        counts: numbers of labelled videos per class for the label curve; empty for no curve.
        motion: whether clips with frozen and with shuffled frames are probed too.
        baselines: baselines that compute features without learning.
        histograms: whether histograms of visual words are a baseline too.
        tracks: whether words along tracks of corners belong to these histograms.
        flow: flow from which the histograms of visual words describe motion: a folder or an
            estimator; None is DIS.
        allow: prefixes of the class paths that may be built.
    """

    label: str
    folds: int | None
    seeds: int
    seed: int
    counts: tuple[int, ...]
    motion: bool
    baselines: tuple[Baseline, ...]
    histograms: bool
    tracks: bool
    flow: FlowOrigin | None
    allow: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise InputError(f"seeds is {self.seeds}; expected at least 1")
        if self.tracks and not self.histograms:
            raise InputError("tracks is true and histograms false; expected histograms true too")
        if min(self.counts, default=1) < 1:
            raise InputError(f"label_curve is {list(self.counts)}; expected 1 or more per class")

    def run(
        self, probed: ProbedEncoder, whole: Manifest, cut: Cut, how: Extraction, *, command: str
    ) -> ProbeResult:
        """Extract features, compare the variants, and write the result.

        Args:
            probed: the encoder.
            whole: the manifest, with the videos that cannot be used.
            cut: how the videos become vectors.
            how: where and how features are extracted.
            command: the command line, for the protocol.
        """
        began = time.monotonic()
        videos = self._checked(whole, cut)
        gathered, learned = self._extracted(probed, videos, cut, how)
        extracted = time.monotonic()
        videos = videos.select(gathered.read)
        task = self.task(videos)
        variants = gathered.variants | baseline_features(self.baselines, videos)
        compared: dict[str, Sequence[Floats | LearnedFeatures]] = {**variants, **learned}
        comparison = compare(compared, task)
        motion = check_motion(variants, comparison, task, pool=str(cut.pool))
        footage = _footage(whole, videos, task, probed)
        result = ProbeResult.of(
            comparison,
            task,
            curve=self._curve(compared, comparison, task),
            motion=motion,
            footage=footage,
            verdicts=(
                words.about_footage(**asdict(footage)),
                *verdicts(comparison, task, start=probed.start),
                *(motion.words if motion else ()),
                *_left_out(whole, self.label, gathered),
            ),
            protocol={
                "command": command,
                "encoder": about_encoder(probed),
                "data": about_data(videos, task, label=self.label),
                "method": about_method(cut, seed=self.seed, seeds=self.seeds),
                "histograms": self._about_histograms(),
                **about_machine(how.device),
                "left_out": gathered.faults,
                "features_reused": gathered.reused,
                "seconds": _seconds(began, extracted, time.monotonic()),
            },
            path=how.folder.parent,
        )
        write_probe(result, comparison.raw, task, videos)
        return result

    def labelled(self, manifest: Manifest) -> Manifest:
        """Return the usable rows of a manifest that have a label.

        Raises:
            InputError: If there are none.
        """
        usable = manifest.usable
        if not len(usable):
            raise InputError(f"manifest has no usable video among {len(manifest)} rows")
        return usable.labelled(self.label)

    def task(self, videos: Manifest) -> Task:
        """Return the task: labels, groups and folds of `videos`."""
        folds = make_folds(videos, column=self.label, folds=self.folds, seed=self.seed)
        return Task(
            labels=videos.labels(self.label),
            groups=videos.groups,
            folds=tuple(folds),
            classes=tuple(videos.classes(self.label)),
            seed=self.seed,
        )

    def encoder_views(self, probed: ProbedEncoder) -> dict[str, tuple[EncoderView, ...]]:
        """Return the encoders and the views of the clips they are given, by variant."""
        encoder = probed.encoder
        views: dict[str, tuple[EncoderView, ...]] = {ENCODER: (EncoderView(encoder),)}
        if probed.at_start is not None:
            views[START] = (EncoderView(probed.at_start),)
        views[RANDOM] = tuple(
            EncoderView(random_weights(encoder, seed, allow=self.allow))
            for seed in range(self.seeds)
        )
        if self.motion:
            flow = encoder.in_channels != 3
            views[FROZEN_FLOW if flow else FROZEN] = (EncoderView(encoder, "frozen"),)
            views[SHUFFLED_FLOW if flow else SHUFFLED] = (EncoderView(encoder, "shuffled"),)
        return views

    def _checked(self, whole: Manifest, cut: Cut) -> Manifest:
        """Return the labelled videos; errors that need no decoding are raised here."""
        videos = self.labelled(whole)
        self.task(videos)
        if cut.flow is not None:
            cut.flow.check(videos, size=cut.size)
        for baseline in self.baselines:
            baseline.check(videos)
        return videos

    def _extracted(
        self, probed: ProbedEncoder, videos: Manifest, cut: Cut, how: Extraction
    ) -> tuple[Gathered, dict[str, tuple[LearnedFeatures, ...]]]:
        """Return the features of encoders, and the variants that learn their features in folds."""
        gathered = gather(self.encoder_views(probed), videos, cut, how)
        if not self.histograms:
            return gathered, {}
        described = describe_videos(
            videos.select(gathered.read),
            cut.sampling,
            flow=self.flow,
            tracks=self.tracks,
            decoder=cut.decoder,
            workers=how.workers,
            quiet=how.quiet,
        )
        read = [video for video in described.videos if video is not None]
        learned: dict[str, tuple[LearnedFeatures, ...]] = {
            histograms.NAME: (histograms.FeatureHistograms(read),)
        }
        return gathered.only(described.read, described.faults), learned

    def _about_histograms(self) -> dict[str, Any] | None:
        """Return how histograms are made, as plain data; None without histograms."""
        if not self.histograms:
            return None
        return histograms.about_histograms(flow=self.flow, tracks=self.tracks)

    def _curve(
        self,
        variants: Mapping[str, Sequence[Floats | LearnedFeatures]],
        comparison: Comparison,
        task: Task,
    ) -> LabelCurve | None:
        """Return the label curve of the encoder and of every baseline, or None."""
        if not self.counts:
            return None
        compared = {name: each for name, each in variants.items() if not is_view(name)}
        full = {name: comparison.raw[name].correct for name in compared}
        return label_curve(compared, full, task, counts=self.counts, draws=self.seeds)


def _footage(whole: Manifest, videos: Manifest, task: Task, probed: ProbedEncoder) -> Footage:
    """Return how many test videos were in the footage that the encoder was trained on."""
    tested = [videos.rows[at] for at in task.tested]
    past = probed.encoder.provenance
    return relate_footage(
        whole, tested, past.footage, labelled=past.labelled, generated=past.generated
    )


def _seconds(began: float, extracted: float, ended: float) -> dict[str, float]:
    return {
        "features": round(extracted - began, 1),
        "classifiers": round(ended - extracted, 1),
    }


def _left_out(manifest: Manifest, label: str, gathered: Gathered) -> Sequence[str]:
    """Return a sentence about the videos that were left out, if there are any."""
    usable = manifest.usable
    unlabelled = usable.column(label).count("")
    parts = []
    if len(manifest) > len(usable):
        parts.append(f"{len(manifest) - len(usable)} rows of the manifest are bad or duplicates")
    if unlabelled:
        parts.append(f"{unlabelled} videos have no {label}")
    unread = int(np.sum(~gathered.read))
    if unread:
        parts.append(f"{unread} videos could not be read ({gathered.faults[0]})")
    return [f"left out: {'; '.join(parts)}"] if parts else []
