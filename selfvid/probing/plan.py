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
from selfvid.probing.baselines.base import Baseline
from selfvid.probing.baselines.histograms import variant as histograms
from selfvid.probing.baselines.histograms.describe import describe_videos
from selfvid.probing.comparison import (
    Comparison,
    check_motion,
    compare,
    is_view,
    verdicts,
)
from selfvid.probing.features import (
    Extraction,
    Gathered,
    baseline_features,
    gather,
    side_by_side,
)
from selfvid.probing.label_curve import LabelCurve, label_curve
from selfvid.probing.protocol import about_data, about_method, about_subject
from selfvid.probing.result import ProbeResult, write_probe
from selfvid.probing.subject import Subject
from selfvid.probing.variants import Floats, LearnedFeatures, Task
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
        self, subject: Subject, whole: Manifest, how: Extraction, *, command: str
    ) -> ProbeResult:
        """Extract features, compare the variants, and write the result.

        Args:
            subject: the encoder, or several.
            whole: the manifest, with the videos that cannot be used.
            how: where and how features are extracted.
            command: the command line, for the protocol.
        """
        began = time.monotonic()
        videos = self._checked(whole, subject)
        gathered, learned = self._extracted(subject, videos, how)
        extracted = time.monotonic()
        videos = videos.select(gathered.read)
        task = self.task(videos)
        footage = subject.footage_of_folds(whole, videos, task.folds)
        baselines = baseline_features(self.baselines, videos)
        compared: dict[str, Sequence[Floats | LearnedFeatures]] = {
            **subject.judged(gathered.variants),
            **baselines,
            **learned,
        }
        comparison = compare(compared, task)
        pool = str(subject.members[0].cut.pool)
        motion = check_motion(gathered.variants, comparison, task, pool=pool)
        result = ProbeResult.of(
            comparison,
            task,
            titled=subject.titled,
            curve=self._curve(subject, compared, comparison, task),
            motion=motion,
            footage=footage,
            verdicts=(
                words.about_footage(**asdict(footage)),
                *verdicts(comparison, task, start=subject.start),
                *(motion.words if motion else ()),
                *subject.other_flow(),
                *_left_out(whole, self.label, gathered),
            ),
            protocol={
                "command": command,
                "encoder": about_subject(subject),
                "data": about_data(videos, task, label=self.label),
                "method": about_method(subject, seed=self.seed, seeds=self.seeds),
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

    def _checked(self, whole: Manifest, subject: Subject) -> Manifest:
        """Return the labelled videos; errors that need no decoding are raised here."""
        videos = self.labelled(whole)
        folds = self.task(videos).folds
        if subject.later and len(subject.of_folds) != len(folds):
            raise InputError(
                f"the run has encoders of {len(subject.of_folds)} folds, and the manifest is "
                f"tested in {len(folds)}; expected as many"
            )
        subject.footage_of_folds(whole, videos, folds)
        for cut in (member.cut for member in subject.members):
            if cut.flow is not None:
                cut.flow.check(videos, size=cut.size)
        for baseline in self.baselines:
            baseline.check(videos)
        return videos

    def _extracted(
        self, subject: Subject, videos: Manifest, how: Extraction
    ) -> tuple[Gathered, dict[str, tuple[LearnedFeatures, ...]]]:
        """Return the features of encoders, and the variants that learn their features in folds."""
        views = subject.views(
            seeds=self.seeds, motion=self.motion and subject.in_time, allow=self.allow
        )
        cuts = [member.cut for member in subject.members]
        gathered = side_by_side(
            [gather(each, videos, cut, how) for each, cut in zip(views, cuts, strict=True)]
        )
        if not self.histograms:
            return gathered, {}
        described = describe_videos(
            videos.select(gathered.read),
            cuts[0].sampling,
            flow=self.flow,
            tracks=self.tracks,
            decoder=cuts[0].decoder,
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
        subject: Subject,
        variants: Mapping[str, Sequence[Floats | LearnedFeatures]],
        comparison: Comparison,
        task: Task,
    ) -> LabelCurve | None:
        """Return the label curve of the encoder and of every baseline, or None."""
        if not self.counts:
            return None
        names = {name: subject.titled(name) for name in variants if not is_view(name)}
        compared = {title: variants[name] for name, title in names.items()}
        full = {title: comparison.raw[name].correct for name, title in names.items()}
        return label_curve(compared, full, task, counts=self.counts, draws=self.seeds)


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
