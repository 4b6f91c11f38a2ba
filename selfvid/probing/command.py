"""`selfvid probe`: evaluate a pretrained encoder next to the baselines that it must beat."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from selfvid.compute import Device, Precision, choose_device, loading_workers
from selfvid.data.clips.sampling import Short
from selfvid.data.flow.origin import FlowOrigin, open_flow
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import DecoderName
from selfvid.features.choices import choose_flow, choose_sampling, choose_size
from selfvid.features.extract import Cut, Pooling
from selfvid.flow.estimate import FlowEstimator
from selfvid.probing.baselines.base import Baseline
from selfvid.probing.baselines.flow_histograms import FlowHistograms
from selfvid.probing.baselines.metadata import Metadata
from selfvid.probing.encoders import load_members
from selfvid.probing.features import Extraction
from selfvid.probing.plan import Plan
from selfvid.probing.result import FEATURES, KIND, OWN_FILES, ProbeResult
from selfvid.probing.subject import Subject, names_of
from selfvid.results.files import check_folder
from selfvid.results.protocol import command


def probe(
    encoder: Path | str | list[Path | str],
    manifest: Path | str | Manifest,
    *,
    label: str = "label",
    pool: Literal["mean", "segments"] = "mean",
    segments: int = 3,
    mirror: bool = False,
    frames: int | None = None,
    clips: int | Literal["whole"] = "whole",
    short: Short | None = None,
    size: int | tuple[int, int] | None = None,
    folds: int | None = None,
    seeds: int = 3,
    label_curve: tuple[int, ...] = (1, 2, 5, 10),
    motion: bool = True,
    flow: FlowEstimator | Path | str | None = None,
    histograms: bool = False,
    tracks: bool = False,
    baselines: list[Baseline] | None = None,
    out: Path | str | None = None,
    fresh: bool = False,
    workers: int | None = None,
    device: Device = "auto",
    precision: Precision = "float32",
    decoder: DecoderName = "auto",
    seed: int = 0,
    allow: list[str] | None = None,
    quiet: bool = False,
) -> ProbeResult:
    """Evaluate a pretrained encoder with a linear probe, kNN and retrieval, next to its baselines.

    A linear probe is a logistic regression on frozen features. The encoder and its baselines (what
    an encoder must beat) are evaluated in the same way: the encoder at the start of pretraining,
    the same network with random weights, and metadata of the files. Choices are made on training
    parts only. The videos of a group (such as one person's) are never split between training and
    test. Accuracies have 95 % intervals by bootstrap over groups. The features of every labelled
    video are extracted once and kept.

    Args:
        encoder: folder of a run or of an encoder; several are judged as one, by their vectors side
            by side. A run of several folds has an encoder for each: each fold is judged by its own.
        manifest: the labelled videos, a manifest of `selfvid index`.
        label: the manifest's column of labels.
        pool: "mean" takes the encoder's clip vector, which for frame encoders does not depend on
            the order of frames; "segments" concatenates the means of equal parts of the clip.
        segments: number of parts if pool is segments.
        mirror: encode each clip and its mirror image, and take the mean of both vectors, where
            labels do not depend on the side. Histograms of flow are treated alike.
        frames: frames in a clip; by default as in training.
        clips: "whole" spreads the frames of one clip over the whole video; a number cuts that
            many clips, spread evenly over the video with frames spaced as in training, and
            averages their vectors.
        short: if clips is a number, what happens to a video shorter than a clip: "repeat_last"
            repeats its last frame, "loop" starts it again, "skip" leaves it out.
        size: height and width of frames, one number for both; by default as in training.
        folds: number of folds if the manifest has no split and no folds of its own; 5 by default.
        seeds: number of networks with random weights, and of draws of labels for each point of
            the label curve.
        label_curve: numbers of labelled videos per class for which accuracy is reported, besides
            all of them; [] leaves the label curve out.
        motion: also evaluate the encoder on clips that repeat their middle frame, and on clips
            with shuffled frames.
        flow: the videos' optical flow: a folder that `selfvid flow` wrote, or an estimator ("dis",
            "farneback", "tvl1", "raft") that is applied to the frames. An encoder of flow reads
            it, and histograms of its directions are one more baseline.
        histograms: add a classical baseline: histograms of hand-made visual words (gradients,
            motion and colours), classified by a small network.
        tracks: with histograms, also count words along tracks of corners that are followed
            through 16 frames.
        baselines: further baselines besides metadata.
        out: folder of the result; by default the run's probe/, or a folder beside the encoder.
        fresh: extract features again even if they are kept.
        workers: number of decoding processes; 0 decodes in this process; by default one less
            than cores.
        device: device of the encoder; "auto" uses a GPU if there is one.
        precision: of the encoder's arithmetic.
        decoder: the decoder to use.
        seed: of folds, inner folds, resampling and draws of labels.
        allow: prefixes of the class paths that an encoder may be built of, besides selfvid's own.
        quiet: print neither progress nor result.

    Returns:
        The table, the verdicts and the protocol. They are printed, and written to the folder of
        the result as result.json, scores.csv and predictions.csv, with scores_histograms.csv for
        the baseline of histograms.

    Raises:
        InputError: If the encoder, the manifest, its labels or an option is invalid.
    """
    given = dict(locals())
    folders = [Path(each) for each in (encoder if isinstance(encoder, list) else [encoder])]
    probed = load_members(folders, mirror=mirror, allow=allow or ())
    whole = manifest if isinstance(manifest, Manifest) else Manifest.read(manifest)
    origin = None if flow is None else open_flow(flow)

    pooling = Pooling(pool, segments)
    cuts = [
        Cut(
            choose_sampling(past, clips=clips, frames=frames, short=short),
            choose_size(past, size),
            pooling,
            decoder,
            precision,
            choose_flow(one.encoder, origin, called=f"encoder {str(one.folder)!r}"),
        )
        for one, past in ((each, each.encoder.provenance) for each in probed[0])
    ]
    subject = Subject.of(names_of(folders), probed, cuts)
    plan = Plan(
        label=label,
        folds=folds,
        seeds=seeds,
        seed=seed,
        counts=tuple(label_curve),
        motion=motion,
        baselines=(
            Metadata(),
            *_flow_histograms(origin, subject, mirror=mirror),
            *(baselines or ()),
        ),
        histograms=histograms,
        tracks=tracks,
        flow=origin,
        allow=tuple(allow or ()),
    )
    folder = subject.home if out is None else Path(out)
    check_folder(folder, kind=KIND, files=OWN_FILES, called="probe")
    how = Extraction(
        folder / FEATURES, fresh, choose_device(device), loading_workers(workers), quiet
    )
    result = plan.run(subject, whole, how, command=command("probe", probe, given))
    if not quiet:
        print(result)
    return result


def _flow_histograms(
    origin: FlowOrigin | None, subject: Subject, *, mirror: bool
) -> list[Baseline]:
    """Return the baseline of flow, if there is flow.

    An estimator sees frames as large as those of the encoder; of several encoders, as those of the
    first one that takes flow.
    """
    if origin is None:
        return []
    cuts = [member.cut for member in subject.members]
    cut = next((cut for cut in cuts if cut.flow is not None), cuts[0])
    return [FlowHistograms(origin, mirror=mirror, size=cut.size, decoder=cut.decoder)]
