"""`selfvid detect train`: a detector of activities on any encoder's vectors of clips."""

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
from selfvid.data.video.decode import DecoderName
from selfvid.detecting.corpus import Corpus, Part, Wanted, clip_labels, find_corpus
from selfvid.detecting.detector import KIND, Detector, check_unseen, load_encoders, save_encoders
from selfvid.detecting.extract import ClipFeatures, StreamEncoder, extract
from selfvid.detecting.streams import ParallelStreams
from selfvid.detecting.training import check_training, train_detector
from selfvid.detecting.windows import LabelledVideo
from selfvid.heads.detection import ActivityDetector
from selfvid.saving.whole import write_whole
from selfvid.training.clips import size_pair
from selfvid.training.run_folder import RunFolder
from selfvid.training.schedule import Training
from selfvid.training.start import start_or_resume
from selfvid.types import Widths

logger = logging.getLogger(__name__)

DEFAULT_SIZE = (112, 112)
STREAMS = ParallelStreams()


@dataclass(frozen=True)
class Shape:
    """How large a detector is, and how it is kept from learning by heart.

    Args:
        hidden: units of each layer of the LSTM.
        layers: how many lie on top of one another.
        dropout: share dropped of what the LSTM reads, and of what it puts out.
        background: weight in the loss of a clip in which nothing goes on; others have 1.
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
    head: Shape = Shape(),
    streams: ParallelStreams = STREAMS,
    training: Training = Training(steps=500, batch=8, warmup=20),
    folds: int | None = None,
    decoder: DecoderName = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    seed: int = 0,
    resume: bool = False,
    quiet: bool = False,
) -> Path:
    """Train a detector of activities in untrimmed videos, on an encoder that is left as it is.

    Args:
        encoder: a run's folder, or an encoder's; of a run of several folds each fold takes the
            encoder of its own.
        annotations: when which activity goes on: ActivityNet's JSON, or a CSV with columns video,
            start, end, label and, if wanted, split and group.
        out: folder for the run; must not exist yet.
        videos: folder that the videos lie in; by default that of the annotations.
        features: folder that keeps vectors of clips, for several runs; by default in the run.
        assume: whether a video shows one activity, one at a time, or several that overlap.
        labels: activities to look for; by default all there are.
        problems: whether what is wrong with the annotations stops the work, or is named and
            repaired.
        frames: frames of a clip; clips lie end to end, and each has one vector.
        size: H and W that frames are resized to while decoding, or one number for both; by
            default what the encoder is used to, else 112.
        head: how large the detector is.
        streams: how videos are laid out for training.
        training: steps, batch (streams side by side), optimiser and the like.
        folds: number of folds by group, where the annotations have no split; 5 by default.
        decoder: auto, decord or pyav.
        device: where the run computes: auto, cpu, cuda or mps; auto is a GPU where there is one.
        precision: auto, float32 or bfloat16; auto is bfloat16 autocast where the hardware
            multiplies it natively.
        seed: of everything random in the run.
        resume: continue the run in `out`.
        quiet: print neither progress nor what comes next.

    Returns:
        The run's folder.

    Raises:
        InputError: where something handed in is not as expected.
        Interrupted: where Ctrl-C or SIGTERM ended the run; its last step was saved first.
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
    )
    wanted = Wanted(
        annotations=Path(annotations),
        videos=None if videos is None else Path(videos),
        assume=assume,
        labels=None if labels is None else tuple(labels),
        frames=frames,
        problems=problems,
        decoder=decoder,
    )
    # Refused before videos are looked at.
    _make_head(stream_encoder.encoder.widths.clip, 1, assume, head)
    corpus = find_corpus(wanted, quiet=quiet)
    check_unseen(encoders, corpus, corpus.parts(folds, seed=seed), source=encoder)
    run = RunFolder(out)
    start_or_resume(run, recipe, resume=resume)
    kept = run.path / "features" if features is None else Path(features)
    encoded = [
        extract(stream_encoder.through(each), corpus, kept, problems=problems, quiet=quiet)
        for each in encoders
    ]
    corpus, _ = encoded[0]
    _write_problems(corpus, run)
    parts = corpus.parts(folds, seed=seed)
    check_unseen(encoders, corpus, parts, source=encoder)  # fewer videos, other folds
    plan = _Plan(assume, head, streams, training, device, seed, quiet)
    for number, part in enumerate(parts, start=1):
        folder = run if len(parts) == 1 else RunFolder(run.fold(number))
        _, vectors = encoded[(number - 1) % len(encoded)]
        _train_part(plan, folder, part, corpus, vectors, stream_encoder)
    save_encoders(encoders, run)
    if not quiet:
        logger.info("%s is trained; next: selfvid detect eval %s", run.path, run.path)
    return run.path


@dataclass(frozen=True)
class _Plan:
    """What is trained on each part, and how; `detect_train` explains the fields."""

    assume: Assume
    shape: Shape
    streams: ParallelStreams
    training: Training
    device: Device
    seed: int
    quiet: bool


def _train_part(
    plan: _Plan,
    place: RunFolder,
    part: Part,
    corpus: Corpus,
    vectors: Sequence[ClipFeatures],
    stream_encoder: StreamEncoder,
) -> None:
    """Train on one part of the videos, unless that is done already."""
    folder = place.path / KIND
    if folder.is_dir():
        return
    several = plan.assume == "overlapping"
    labelled = [
        LabelledVideo(
            name=corpus.recordings[at].video.name,
            features=vectors[at],
            labels=clip_labels(
                vectors[at].times,
                corpus.recordings[at].video.activities,
                labels=corpus.labels,
                several=several,
            ),
        )
        for at in part.train
    ]
    torch.manual_seed(plan.seed)  # every fold begins with the same weights
    made = _make_head(vectors[0].width, len(corpus.labels), plan.assume, plan.shape)
    train_detector(
        made,
        labelled,
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
        head=made.cpu().eval(),
        labels=corpus.labels,
        assume=plan.assume,
        frames=stream_encoder.frames,
        size=stream_encoder.size,
        precision=stream_encoder.precision,
        trained=tuple(names[at] for at in part.train),
        tested=tuple(names[at] for at in part.test),
    ).save(folder)


def _write_problems(corpus: Corpus, run: RunFolder) -> None:
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
    """The arguments as plain data that `detect train --config` reads."""

    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {name: plain(each) for name, each in dataclasses.asdict(value).items()}
        if isinstance(value, Path):
            return str(value)
        return list(value) if isinstance(value, tuple) else value

    return {name: plain(value) for name, value in given.items() if name not in ("resume", "quiet")}
