"""Training a classifier on the training videos of one fold."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial

import torch

from selfvid.data.clips.dataset import ClipDataset, SideBySide
from selfvid.data.clips.faults import FaultCounter
from selfvid.data.manifest.manifest import Manifest
from selfvid.finetuning.classifier import Classifier
from selfvid.finetuning.clips import batch_stream, check_frames, labelled_clips, provenance
from selfvid.finetuning.coherence import STEP_KINDS, AlternatingStream, JointTraining
from selfvid.finetuning.kept_features.folder import KeptFeatures
from selfvid.finetuning.kept_features.train import KeptFeatureSource, KeptFeatureTraining
from selfvid.finetuning.second_set import MultiTaskTraining, PairedStream
from selfvid.finetuning.settings import FinetuneSettings
from selfvid.finetuning.step import SupervisedTraining
from selfvid.training.batches import BalancedStream, BatchStream
from selfvid.training.checkpoints import Checkpoints
from selfvid.training.fit import RunClips, fit
from selfvid.training.history import History
from selfvid.training.put_aside import putting_aside
from selfvid.training.run_folder import RunFolder
from selfvid.training.sources import BatchSource, LoadedClips
from selfvid.training.start import resume_point


def train_classifier(
    settings: FinetuneSettings,
    train: Manifest,
    run: RunFolder,
    *,
    classes: tuple[str, ...],
    what: str,
    unlabelled: Collection[str] = (),
    second: Manifest | None = None,
    kept: KeptFeatures | None = None,
    quiet: bool = False,
) -> Classifier:
    """Train a copy of the classifier of `settings` on `train` and return it.

    If there are checkpoints in `run`, training continues from the newest one that is whole.

    Args:
        settings: the settings of the run.
        train: the training videos.
        run: the folder for checkpoints, history and TensorBoard events.
        classes: names of the K classes.
        what: name of the training, for the progress bar.
        unlabelled: content ids of the unlabelled videos of joint training with coherence.
        second: the training videos of the second data set, if there is one; the classifier then
            has two heads.
        kept: features of the training clips; if they are given, no clip is read.
        quiet: whether to show no progress bar.

    Raises:
        InputError: If the clips do not fit the settings, or too many cannot be read.
        Interrupted: If Ctrl-C or SIGTERM ended the training; the last step was saved first.
    """
    # Every fold starts from the same weights. A loaded encoder is in evaluation mode.
    classifier = copy.deepcopy(settings.classifier).train()
    dataset = labelled_clips(settings, train, classes, testing=False)
    dataset.require_fitting()
    check_frames(settings, dataset)
    steps = _steps(settings, dataset, train, classes=classes, second=second, kept=kept)
    module = steps.module(
        classifier,
        rates=settings.rates,
        crop=settings.crop,
        augment=settings.augment,
        training=settings.training,
        stream=steps.stream,
        faults=FaultCounter(settings.reading.faults),
        seed=settings.seed,
    )
    module.paths = train.paths | ({} if second is None else second.paths)
    every = steps.updates * settings.training.checkpoint_every
    checkpoints = Checkpoints(run.checkpoints, every=every)
    checkpoint = resume_point(run, updates=steps.updates)
    torch.manual_seed(settings.seed)
    with putting_aside(run.put_aside, steps.source):
        fit(
            module,
            RunClips(steps.source, steps.stream),
            training=replace(settings.training, steps=steps.updates * settings.training.steps),
            device=settings.device,
            precision=settings.precision,
            checkpoints=checkpoints,
            callbacks=[History(run.history, run.tensorboard, updates=steps.updates)],
            checkpoint=checkpoint,
            out=run.path,
            what=what,
            quiet=quiet,
        )
    labelled = {row.video for part in (train, second) if part is not None for row in part.rows}
    classifier.encoder.provenance = provenance(
        settings, labelled, dataset.size, unlabelled=unlabelled
    )
    return classifier


@dataclass(frozen=True)
class _Steps:
    """The parts that training steps are made of.

    Attributes:
        source: the source of the batches.
        stream: which clips make up which batch.
        module: creates the training module from the arguments of `SupervisedTraining`.
        updates: number of optimiser updates that make one step of the run.
    """

    source: BatchSource
    stream: BatchStream
    module: Callable[..., SupervisedTraining] = SupervisedTraining
    updates: int = 1


def _steps(
    settings: FinetuneSettings,
    dataset: ClipDataset,
    train: Manifest,
    *,
    classes: tuple[str, ...],
    second: Manifest | None,
    kept: KeptFeatures | None,
) -> _Steps:
    """Return the parts of the kind of training that the settings state."""
    stream = batch_stream(settings, train.labels(settings.label, classes=classes))
    if kept is not None:
        return _Steps(KeptFeatureSource(dataset, kept.training), stream, KeptFeatureTraining)
    if settings.coherence is not None:
        return _with_coherence(settings, dataset, stream)
    if second is not None:
        return _with_second(settings, dataset, stream, train=second)
    return _Steps(LoadedClips(dataset, workers=settings.reading.processes), stream)


def _with_coherence(
    settings: FinetuneSettings, dataset: ClipDataset, stream: BatchStream
) -> _Steps:
    """Return the parts of joint training: a pull and a push step follow each supervised step.

    Raises:
        InputError: If the unlabelled videos cannot be read, or none is as long as a clip.
    """
    coherence = settings.coherence
    assert coherence is not None
    reading = replace(settings.reading, flow=None, size=dataset.size)
    unlabelled = reading.dataset(
        coherence.footage, coherence.clips, settings.encoder, seed=settings.seed
    )
    unlabelled.require_fitting()
    # All videos count as one class: each place of a batch draws any of them, with replacement.
    drawn = BalancedStream(
        [0] * len(unlabelled),
        per_batch=coherence.batch // coherence.clips_per_video,
        total=(len(STEP_KINDS) - 1) * stream.total,
        seed=settings.seed,
    )
    return _Steps(
        LoadedClips(SideBySide(dataset, unlabelled), workers=reading.processes),
        AlternatingStream(stream, drawn),
        partial(JointTraining, coherence=coherence),
        updates=len(STEP_KINDS),
    )


def _with_second(
    settings: FinetuneSettings, dataset: ClipDataset, stream: BatchStream, *, train: Manifest
) -> _Steps:
    """Return the parts of multi-task training: each batch has clips of both data sets.

    Raises:
        InputError: If the clips of the second data set do not fit the first's, or the encoder.
    """
    second = settings.second
    assert second is not None
    own = settings.of_second(size=dataset.size)
    clips = labelled_clips(own, train, second.classes, testing=False)
    clips.require_fitting()
    check_frames(own, clips)
    both = SideBySide(dataset, clips, classes=settings.head.classes)
    drawn = batch_stream(own, train.labels(second.label, classes=second.classes))
    return _Steps(
        LoadedClips(both, workers=settings.reading.processes),
        PairedStream(stream, drawn),
        partial(MultiTaskTraining, weight=second.weight),
    )
