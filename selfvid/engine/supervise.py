"""Train a head, and as much of its encoder as is wanted, on labelled videos."""

from __future__ import annotations

import copy

import torch

from selfvid.data.faults import FaultCounter
from selfvid.data.manifest import Manifest
from selfvid.engine.checkpoints import Checkpoints, newest_whole
from selfvid.engine.classifier import Classifier
from selfvid.engine.datamodule import RunClips
from selfvid.engine.fit import fit
from selfvid.engine.journal import Journal
from selfvid.engine.pretrain import Interrupted
from selfvid.engine.run_folder import RunFolder
from selfvid.engine.sources import FilmedSource
from selfvid.engine.supervised import Supervised
from selfvid.engine.supervision import Supervision


def supervise(
    job: Supervision, train: Manifest, run: RunFolder, *, classes: tuple[str, ...], what: str
) -> Classifier:
    """A classifier trained on `train`, from the weights that the job begins with.

    Where `run` holds checkpoints, training goes on from the newest whole one.

    Args:
        job: what is trained, and how.
        train: the videos of the training part.
        run: where checkpoints, history and events go.
        classes: names of the K classes.
        what: is being trained, for the progress bar.

    Raises:
        Interrupted: where Ctrl-C or SIGTERM ended it; its last step was saved first.
    """
    for folder in (run.checkpoints, run.pictures):
        folder.mkdir(parents=True, exist_ok=True)
    # Every fold begins with the same weights.
    classifier = Classifier(copy.deepcopy(job.encoder), copy.deepcopy(job.head))
    dataset = job.dataset(train, classes, testing=False)
    dataset.require_fitting()
    job.check(dataset)
    stream = job.stream(train.labels(job.label, classes=classes))
    module = Supervised(
        classifier,
        rates=job.rates,
        crop=job.crop,
        augment=job.augment,
        training=job.training,
        stream=stream,
        faults=FaultCounter(job.faults),
        seed=job.seed,
    )
    checkpoints = Checkpoints(run.checkpoints, every=job.training.checkpoint_every)
    torch.manual_seed(job.seed)
    fit(
        module,
        RunClips(FilmedSource(dataset, workers=job.workers), stream),
        training=job.training,
        callbacks=[Journal(run.history, run.tensorboard), checkpoints],
        checkpoint=newest_whole(run.checkpoints),
        out=run.path,
        what=what,
    )
    if checkpoints.stopped_by is not None:
        raise Interrupted(
            f"stopped by {checkpoints.stopped_by.name} and saved in {str(run.checkpoints)!r}; "
            "continue with --resume"
        )
    classifier.encoder.provenance = job.provenance(train, dataset.size)
    return classifier
