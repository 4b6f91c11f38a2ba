"""`selfvid detect train`: train a detector of activities on the vectors of an encoder."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from selfvid.compute import Device, Precision, choose_device
from selfvid.data.annotations.annotations import Assume
from selfvid.data.annotations.checks import Policy
from selfvid.data.flow.origin import open_flow
from selfvid.data.video.decode import DecoderName
from selfvid.detecting.corpus import Corpus, CorpusOptions, Part, clip_labels, find_corpus
from selfvid.detecting.detector import KIND, Detector, check_unseen, load_encoders, save_encoders
from selfvid.detecting.extract import ClipFeatures, StreamEncoder, extract
from selfvid.detecting.streams import ParallelStreams
from selfvid.detecting.training import check_training, train_detector
from selfvid.detecting.windows import LabelledVideo
from selfvid.flow.estimate import FlowEstimator
from selfvid.heads.detection import ActivityDetector
from selfvid.saving.printable import shell_word
from selfvid.saving.recorded import Recorded, describe
from selfvid.saving.whole import write_whole
from selfvid.training.clips import size_pair
from selfvid.training.run_folder import RunFolder
from selfvid.training.schedule import Training
from selfvid.training.start import start_or_resume
from selfvid.types import Widths

logger = logging.getLogger(__name__)

DEFAULT_SIZE = (112, 112)  # H and W of a frame, as C3D takes them
STREAMS = ParallelStreams()


@dataclass(frozen=True)
class Shape:
    """The size of a detector, and its regularisation.

    Args:
        hidden: units of each layer of the LSTM.
        layers: number of stacked LSTM layers.
        dropout: dropout rate before and after the LSTM.
        background: weight of clips without an activity in the loss; other clips have weight 1.
    """

    hidden: int = 512
    layers: int = 1
    dropout: float = 0.5
    background: float = 0.3


def detect_train(
    encoder: Path | str,
    annotations: Path | str,
    out: Path | str,
    *,
    videos: Path | str | None = None,
    features: Path | str | None = None,
    assume: Assume = "one_at_a_time",
    labels: list[str] | None = None,
    problems: Policy = "stop",
    frames: int = 16,
    size: int | list[int] | None = None,
    flow: FlowEstimator | Path | str | None = None,
    head: Shape = Shape(),
    streams: ParallelStreams = STREAMS,
    training: Training = Training(steps=500, batch=8, warmup=0.04),
    folds: int | None = None,
    decoder: DecoderName = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    seed: int = 0,
    resume: bool = False,
    quiet: bool = False,
) -> Path:
    """Train a detector of activities in untrimmed videos, on the vectors of a frozen encoder.

    Args:
        encoder: folder of a run, or of an encoder. If it is a run with several folds, each fold
            uses its own encoder.
        annotations: begin and end of each activity: a JSON file in ActivityNet's scheme, or a CSV
            file with the columns video, start, end, label and, optionally, split and group.
        out: folder for the run; it must not exist yet.
        videos: folder of the videos; by default the folder of the annotations.
        features: folder that keeps the vectors of clips, so that several runs can use them; by
            default a folder in the run.
        assume: whether a video shows one activity, one at a time, or several that overlap.
        labels: the activities to detect; by default all that occur.
        problems: whether problems in the annotations stop the work, or are printed and repaired.
        frames: frames of a clip; a video is cut into consecutive clips, and each has one vector.
        size: H and W that frames are resized to while they are decoded, or one number for both;
            by default the size that the encoder was trained on, or 112.
        flow: for an encoder that takes optical flow: a folder that `selfvid flow` wrote, or an
            estimator ("dis", "farneback", "tvl1", "raft") that is applied to the frames.
        head: size and regularisation of the detector.
        streams: how videos are laid out for training.
        training: steps, batch size (the number of parallel streams), optimiser and so on.
        folds: number of folds by group, if the annotations have no split; 5 by default.
        decoder: auto, decord or pyav.
        device: the device that computes: auto, cpu, cuda or mps; auto uses a GPU if there is one.
        precision: auto, float32 or bfloat16; auto uses bfloat16 autocast if the hardware
            multiplies it natively.
        seed: seed of everything random in the run.
        resume: continue the run in `out`.
        quiet: print neither progress nor the next command.

    Returns:
        The run's folder.

    Raises:
        InputError: If an argument is not as expected.
        Interrupted: If Ctrl-C or SIGTERM ended the run; its last step is saved.
    """
    recipe = _recipe(dict(locals()))
    check_training(training)
    place = choose_device(device)
    encoders = [each.to(place) for each in load_encoders(encoder)]
    stream_encoder = StreamEncoder(
        encoder=encoders[0],
        frames=frames,
        size=size_pair(size) or encoders[0].provenance.size or DEFAULT_SIZE,
        device=place,
        precision=precision,
        decoder=decoder,
        flow=None if flow is None else open_flow(flow),
    )
    folder = None if videos is None else Path(videos)
    names = None if labels is None else tuple(labels)
    options = CorpusOptions(
        Path(annotations), folder, assume, names, stream_encoder.needed, problems, decoder
    )
    # Wrong options of the head are refused before the videos are measured.
    _make_head(stream_encoder.encoder.widths.clip, 1, assume, head)
    corpus = find_corpus(options, quiet=quiet)
    check_unseen(encoders, corpus, corpus.parts(folds, seed=seed), source=encoder)
    run = RunFolder(out)
    footage = {"annotations": corpus.manifest.reading_hash("label", "split", "group")}
    start_or_resume(run, recipe, resume=resume, manifests=footage)
    store = run.path / "features" if features is None else Path(features)
    encoded = [
        extract(stream_encoder.with_encoder(each), corpus, store, problems=problems, quiet=quiet)
        for each in encoders
    ]
    corpus, _ = encoded[0]
    _write_problems(corpus, run)
    parts = corpus.parts(folds, seed=seed)
    # Videos that proved unreadable are left out, so these may be other folds than above.
    check_unseen(encoders, corpus, parts, source=encoder)
    plan = _Plan(assume, head, streams, training, device, seed, quiet)
    _train_folds(plan, run, parts, corpus, [each for _, each in encoded], stream_encoder)
    save_encoders(encoders, run)
    run.finish()
    if not quiet:
        logger.info("%s is trained; next: selfvid detect eval %s", run.path, shell_word(run.path))
    return run.path


@dataclass(frozen=True)
class _Plan:
    """The settings that all folds share; `detect_train` explains the fields."""

    assume: Assume
    shape: Shape
    streams: ParallelStreams
    training: Training
    device: Device
    seed: int
    quiet: bool


def _train_folds(
    plan: _Plan,
    run: RunFolder,
    parts: Sequence[Part],
    corpus: Corpus,
    vectors: Sequence[Sequence[ClipFeatures]],
    stream_encoder: StreamEncoder,
) -> None:
    """Train a detector for each fold, on the vectors of its own encoder or of the only one."""
    for number, part in enumerate(parts):
        place = run if len(parts) == 1 else RunFolder(run.fold(number + 1))
        _train_part(plan, place, part, corpus, vectors[number % len(vectors)], stream_encoder)


def _train_part(
    plan: _Plan,
    place: RunFolder,
    part: Part,
    corpus: Corpus,
    vectors: Sequence[ClipFeatures],
    stream_encoder: StreamEncoder,
) -> None:
    """Train the detector of one fold, unless it exists already."""
    folder = place.path / KIND
    if folder.is_dir():
        return
    videos = [
        LabelledVideo(
            name=corpus.recordings[number].video.name,
            features=vectors[number],
            labels=clip_labels(
                vectors[number].times,
                corpus.recordings[number].video.activities,
                labels=corpus.labels,
                several=plan.assume == "overlapping",
            ),
        )
        for number in part.train
    ]
    torch.manual_seed(plan.seed)  # the detectors of all folds start from the same weights
    head = _make_head(vectors[0].width, len(corpus.labels), plan.assume, plan.shape)
    train_detector(
        head,
        videos,
        place,
        plan=plan.streams,
        training=plan.training,
        device=plan.device,
        precision=stream_encoder.precision,
        seed=plan.seed,
        what=part.name,
        quiet=plan.quiet,
    )
    names = [each.video.name for each in corpus.recordings]
    Detector(
        head=head.cpu().eval(),
        labels=corpus.labels,
        assume=plan.assume,
        frames=stream_encoder.frames,
        size=stream_encoder.size,
        precision=stream_encoder.precision,
        trained=tuple(names[number] for number in part.train),
        tested=tuple(names[number] for number in part.test),
    ).save(folder)


def _write_problems(corpus: Corpus, run: RunFolder) -> None:
    """Write the problems that were repaired to problems.txt, if there are any."""
    if corpus.problems:
        lines = (f"{problem}\n" for problem in corpus.problems)
        write_whole(run.path / "problems.txt", "".join(lines))


def _make_head(width: int, labels: int, assume: Assume, shape: Shape) -> ActivityDetector:
    return ActivityDetector(
        Widths(clip=width, steps=width),
        labels,
        several=assume == "overlapping",
        **dataclasses.asdict(shape),
    )


def _recipe(given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments as plain data, which `detect train --config` can read."""

    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {name: plain(each) for name, each in dataclasses.asdict(value).items()}
        if isinstance(value, Recorded):
            return describe(value)
        if isinstance(value, Path):
            return str(value)
        return list(value) if isinstance(value, tuple) else value

    return {name: plain(value) for name, value in given.items() if name not in ("resume", "quiet")}
