"""`selfvid probe`: did pretraining help? The encoder beside everything it must beat."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from selfvid.data.decode import DecoderName
from selfvid.data.manifest import Manifest
from selfvid.data.sampling import Short
from selfvid.data.splits import folds as make_folds
from selfvid.device import choose_device
from selfvid.errors import InputError
from selfvid.evaluation import words
from selfvid.evaluation.comparison import (
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
from selfvid.evaluation.cutting import (
    check_eats_pixels,
    choose_sampling,
    choose_size,
)
from selfvid.evaluation.features import Cut, Look, Pooling, Precision
from selfvid.evaluation.floors import Floor, Metadata
from selfvid.evaluation.flow_histograms import FlowHistograms
from selfvid.evaluation.folder import check_folder
from selfvid.evaluation.footage import relate_footage
from selfvid.evaluation.gathering import Extraction, Gathered, floor_features, gather
from selfvid.evaluation.label_curve import LabelCurve
from selfvid.evaluation.label_curve import label_curve as draw_curve
from selfvid.evaluation.output import FEATURES, PREDICTIONS, SCORES, write_result
from selfvid.evaluation.protocol import (
    about_data,
    about_machine,
    about_method,
    about_subject,
    command,
)
from selfvid.evaluation.result import KIND, ProbeResult
from selfvid.evaluation.subject import Subject, load_subject, random_weights
from selfvid.evaluation.variants import Task


def probe(
    encoder: Path,
    manifest: Path | Manifest,
    *,
    label: str = "label",
    pool: Literal["mean", "segments"] = "mean",
    segments: int = 3,
    frames: int | None = None,
    clips: int | Literal["whole"] = "whole",
    short: Short | None = None,
    size: int | tuple[int, int] | None = None,
    folds: int | None = None,
    seeds: int = 3,
    label_curve: tuple[int, ...] = (1, 2, 5, 10),
    motion: bool = True,
    flow: Path | None = None,
    floors: list[Floor] | None = None,
    out: Path | None = None,
    fresh: bool = False,
    workers: int = 0,
    device: str = "auto",
    precision: Precision = "float32",
    decoder: DecoderName = "auto",
    seed: int = 0,
    allow: list[str] | None = None,
    quiet: bool = False,
) -> ProbeResult:
    """Say whether pretraining helped: a linear probe, kNN and retrieval beside their floors.

    Features of every labelled video are extracted once and kept. The encoder, the encoder as it
    was at the start, the same network with random weights, and what the files give away without
    a pixel go through one pipeline, with one budget of choices made on training parts only.
    Groups never straddle a split. Intervals are bootstrap over groups.

    Args:
        encoder: a run's folder, or an encoder's.
        manifest: the labelled videos, as `selfvid index` wrote them.
        label: column of the labels.
        pool: "mean" takes the clip vector, which for frame encoders forgets order; "segments"
            sets the means of equal parts of the clip side by side.
        segments: number of parts where pool is segments.
        frames: frames in a clip; by default as many as the encoder was trained on.
        clips: "whole" spreads one clip over the whole video; a number cuts so many clips evenly
            along it, spaced as in training, and averages their vectors.
        short: where clips is a number: "repeat_last" or "loop" a video shorter than a clip, or
            "skip" it.
        size: height and width of frames, one number for both; by default as in training.
        folds: number of folds, where the manifest has no split of its own; 5 by default.
        seeds: how many random weights are drawn, and how many draws of labels a point of the
            label curve has.
        label_curve: labelled videos per class, beside all there are; [] draws no curve.
        motion: also probe clips frozen at their middle frame and with their frames shuffled.
        flow: folder of the videos' optical flow, as `selfvid flow` wrote it; its histograms of
            directions become one more floor.
        floors: further floors beside metadata.
        out: folder for the result; by default the run's probe/, or beside the encoder.
        fresh: extract features again though they were kept.
        workers: processes that decode; 0 decodes in this one.
        device: where the encoder computes; "auto" takes a GPU where there is one.
        precision: of the encoder's arithmetic.
        decoder: who decodes.
        seed: of folds, inner folds, resampling and label draws.
        allow: prefixes of class paths, beside selfvid's, whose classes an encoder may be made of.
        quiet: print neither progress nor result.

    Returns:
        The table, the verdicts and the protocol; printed, and written to OUT as result.json,
        scores.csv and predictions.csv.

    Raises:
        InputError: where encoder, manifest, labels or an option are not what they must be.
    """
    given = dict(locals())
    subject = load_subject(encoder, allow=allow or ())
    check_eats_pixels(subject.encoder)
    used_to = subject.encoder.provenance
    cut = Cut(
        sampling=choose_sampling(used_to, clips=clips, frames=frames, short=short),
        size=choose_size(used_to, size),
        pool=Pooling(pool, segments),
        decoder=decoder,
        precision=precision,
    )
    plan = _Plan(
        label=label,
        folds=folds,
        seeds=seeds,
        seed=seed,
        counts=tuple(label_curve),
        motion=motion and cut.sampling.length > 1,
        floors=(
            Metadata(),
            *([] if flow is None else [FlowHistograms(Path(flow))]),
            *(floors or ()),
        ),
        allow=tuple(allow or ()),
    )
    whole = manifest if isinstance(manifest, Manifest) else Manifest.read(manifest)
    folder = subject.home if out is None else Path(out)
    check_folder(folder, kind=KIND, files=(SCORES, PREDICTIONS), called="probe")
    how = Extraction(folder / FEATURES, fresh, choose_device(device), workers, quiet)
    result = plan.carry_out(subject, whole, cut, how, asked=command("probe", probe, given))
    if not quiet:
        print(result)
    return result


@dataclass(frozen=True)
class _Plan:
    """What is asked of every variant, and which variants there are."""

    label: str
    folds: int | None
    seeds: int
    seed: int
    counts: tuple[int, ...]
    motion: bool
    floors: tuple[Floor, ...]
    allow: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise InputError(f"seeds is {self.seeds}; expected at least 1")
        if min(self.counts, default=1) < 1:
            raise InputError(f"label_curve is {list(self.counts)}; expected 1 or more per class")

    def carry_out(
        self, subject: Subject, whole: Manifest, cut: Cut, how: Extraction, *, asked: str
    ) -> ProbeResult:
        """Extract, compare, and write down."""
        began = time.monotonic()
        videos = self.labelled(whole)
        self.task(videos)  # at the door: what does not fit fails before anything is decoded
        for floor in self.floors:
            floor.check(videos)
        gathered = gather(self.looks(subject), videos, cut, how)
        extracted = time.monotonic()
        videos = videos.select(gathered.read)
        task = self.task(videos)
        variants = gathered.variants | floor_features(self.floors, videos)
        found = compare(variants, task)
        moved = check_motion(variants, found, task, pool=str(cut.pool))
        tested = [videos.rows[at] for at in task.tested]
        past = subject.encoder.provenance
        footage = relate_footage(whole, tested, past.footage, generated=past.generated)
        result = ProbeResult.of(
            found,
            task,
            curve=self.curve(gathered, found, task),
            motion=moved,
            footage=footage,
            verdicts=(
                words.about_footage(**asdict(footage)),
                *in_words(found, task, start=subject.start),
                *(moved.words if moved else ()),
                *_left_out(whole, self.label, gathered),
            ),
            protocol={
                "command": asked,
                "encoder": about_subject(subject),
                "data": about_data(videos, task, label=self.label),
                "method": about_method(cut, seed=self.seed, seeds=self.seeds),
                **about_machine(how.device),
                "left_out": gathered.faults,
                "features_reused": gathered.reused,
                "seconds": _seconds(began, extracted, time.monotonic()),
            },
            path=how.folder.parent,
        )
        write_result(result, found.assessed, task, videos)
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

    def looks(self, subject: Subject) -> dict[str, tuple[Look, ...]]:
        """The networks that are shown the videos, by variant."""
        encoder = subject.encoder
        looks: dict[str, tuple[Look, ...]] = {ENCODER: (Look(encoder),)}
        if subject.at_start is not None:
            looks[START] = (Look(subject.at_start),)
        looks[RANDOM] = tuple(
            Look(random_weights(encoder, seed, allow=self.allow)) for seed in range(self.seeds)
        )
        if self.motion:
            looks |= {FROZEN: (Look(encoder, "frozen"),), SHUFFLED: (Look(encoder, "shuffled"),)}
        return looks

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
