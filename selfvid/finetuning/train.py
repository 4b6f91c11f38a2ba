"""Train a head, and as much of its encoder as is wanted, on labelled videos."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import replace

import torch

from selfvid.data.clips.faults import FaultCounter
from selfvid.data.manifest.manifest import Manifest
from selfvid.finetuning.kept_features.train import with_cache
from selfvid.training.checkpoints import Checkpoints, newest_whole
from selfvid.finetuning.classifier import Classifier
from selfvid.finetuning.clip_source import Course
from selfvid.training.datamodule import RunClips
from selfvid.finetuning.kept_features.folder import FeatureCache
from selfvid.training.fit import fit
from selfvid.finetuning.coherence.step import with_coherence
from selfvid.training.history import Journal
from selfvid.finetuning.second_set.step import with_second
from selfvid.training.run_folder import RunFolder
from selfvid.finetuning.settings.run import Supervision


def supervise(
    job: Supervision,
    train: Manifest,
    run: RunFolder,
    *,
    classes: tuple[str, ...],
    what: str,
    unlabelled: Collection[str] = (),
    second: Manifest | None = None,
    cache: FeatureCache | None = None,
) -> Classifier:
    """A classifier trained on `train`, from the weights that the job begins with.

    Where `run` holds checkpoints, training goes on from the newest whole one.

    Args:
        job: what is trained, and how.
        train: the videos of the training part.
        run: where checkpoints, history and events go.
        classes: names of the K classes.
        what: is being trained, for the progress bar.
        unlabelled: content ids of the footage that coherence is asked of.
        second: the videos of the second data set's training part, where the job has one; the
            classifier has two heads then.
        cache: features of the training part's clips, which are not read then.

    Raises:
        Interrupted: where Ctrl-C or SIGTERM ended it; its last step was saved first.
    """
    for folder in (run.checkpoints, run.pictures):
        folder.mkdir(parents=True, exist_ok=True)
    # Every fold begins with the same weights; an encoder that was loaded is in evaluation mode.
    classifier = copy.deepcopy(job.classifier).train()
    dataset = job.dataset(train, classes, testing=False)
    dataset.require_fitting()
    job.check(dataset)
    labels = train.labels(job.label, classes=classes)
    course = Course(dataset, job.stream(labels), workers=job.workers)
    if cache is not None:
        course = with_cache(course, dataset, cache.training)
    if job.coherence is not None:
        course = with_coherence(course, job, dataset)
    if second is not None:
        course = with_second(course, job, dataset, train=second)
    module = course.module(
        classifier,
        rates=job.rates,
        crop=job.crop,
        augment=job.augment,
        training=job.training,
        stream=course.stream,
        faults=FaultCounter(job.faults),
        seed=job.seed,
    )
    updates = course.updates
    checkpoints = Checkpoints(run.checkpoints, every=updates * job.training.checkpoint_every)
    torch.manual_seed(job.seed)
    fit(
        module,
        RunClips(course, course.stream),
        training=replace(job.training, steps=updates * job.training.steps),
        callbacks=[Journal(run.history, run.tensorboard, updates=updates), checkpoints],
        checkpoint=newest_whole(run.checkpoints),
        out=run.path,
        what=what,
    )
    checkpoints.raise_if_stopped()
    labelled = {row.video for part in (train, second) if part is not None for row in part.rows}
    classifier.encoder.provenance = job.provenance(labelled, dataset.size, unlabelled=unlabelled)
    return classifier
