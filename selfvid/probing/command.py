"""`selfvid probe`: did pretraining help? The encoder beside everything it must beat."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from selfvid.compute import Device, Precision, choose_device, loading_workers
from selfvid.data.clips.sampling import Short
from selfvid.data.flow.folder import FlowFolder
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import DecoderName
from selfvid.features.choices import (
    check_eats_pixels,
    choose_sampling,
    choose_size,
)
from selfvid.features.extract import Cut, Pooling
from selfvid.probing.baselines.flow_histograms import FlowHistograms
from selfvid.probing.baselines.metadata import Baseline, Metadata
from selfvid.probing.encoders import load_probed_encoder
from selfvid.probing.features import Extraction
from selfvid.probing.plan import Plan
from selfvid.probing.result import FEATURES, KIND, OWN_FILES, ProbeResult
from selfvid.results.files import check_folder
from selfvid.results.protocol import command


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
    histograms: bool = False,
    baselines: list[Baseline] | None = None,
    out: Path | None = None,
    fresh: bool = False,
    workers: int | None = None,
    device: Device = "auto",
    precision: Precision = "float32",
    decoder: DecoderName = "auto",
    seed: int = 0,
    allow: list[str] | None = None,
    quiet: bool = False,
) -> ProbeResult:
    """Say whether pretraining helped: a linear probe, kNN and retrieval beside their baselines.

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
            directions become one more baseline.
        histograms: also classify by histograms of hand-made visual words, of gradients, motion
            and colours, with a small network: the baseline from before networks were learned.
        baselines: further baselines beside metadata.
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
        scores.csv and predictions.csv; scores_histograms.csv where there are histograms.

    Raises:
        InputError: where encoder, manifest, labels or an option are not what they must be.
    """
    given = dict(locals())
    probed = load_probed_encoder(encoder, allow=allow or ())
    check_eats_pixels(probed.encoder)
    used_to = probed.encoder.provenance
    cut = Cut(
        sampling=choose_sampling(used_to, clips=clips, frames=frames, short=short),
        size=choose_size(used_to, size),
        pool=Pooling(pool, segments),
        decoder=decoder,
        precision=precision,
    )
    plan = Plan(
        label=label,
        folds=folds,
        seeds=seeds,
        seed=seed,
        counts=tuple(label_curve),
        motion=motion and cut.sampling.length > 1,
        baselines=(
            Metadata(),
            *([] if flow is None else [FlowHistograms(Path(flow))]),
            *(baselines or ()),
        ),
        histograms=histograms,
        flow=None if flow is None else FlowFolder(flow),
        allow=tuple(allow or ()),
    )
    whole = manifest if isinstance(manifest, Manifest) else Manifest.read(manifest)
    folder = probed.home if out is None else Path(out)
    check_folder(folder, kind=KIND, files=OWN_FILES, called="probe")
    how = Extraction(
        folder / FEATURES, fresh, choose_device(device), loading_workers(workers), quiet
    )
    result = plan.carry_out(probed, whole, cut, how, asked=command("probe", probe, given))
    if not quiet:
        print(result)
    return result
