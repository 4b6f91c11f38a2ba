"""The labelled clips of a finetune run, their batches, and the provenance of its encoder."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.base import Provenance
from selfvid.finetuning.classifier import Classifier, check_fits
from selfvid.finetuning.settings import FinetuneSettings
from selfvid.training.batches import BalancedStream, BatchStream


def labelled_clips(
    settings: FinetuneSettings, part: Manifest, classes: tuple[str, ...], *, testing: bool
) -> ClipDataset:
    """Return the labelled clips of some of the videos.

    A clip that cannot be read is replaced by one of another video, up to the number that the
    settings allow. In tests, and for features that are kept, no clip may be replaced: the other
    video may be of another class, or a test video.

    Args:
        settings: the settings of the run.
        part: the videos.
        classes: names of the K classes.
        testing: whether the clips are the views of a test; otherwise they are training clips.
    """
    policy = FaultPolicy(share=0) if testing or settings.cache else settings.reading.faults
    return settings.reading.dataset(
        part,
        settings.views if testing else settings.clips,
        settings.encoder,
        seed=settings.seed,
        label=settings.label,
        classes=classes,
        faults=policy,
    )


def batch_stream(settings: FinetuneSettings, labels: NDArray[np.int64]) -> BatchStream:
    """Return the stream that says which videos of a training part make up which batch.

    Args:
        settings: the settings of the run.
        labels: class index of each video, (N,).
    """
    training = settings.training
    per_batch = training.batch // training.accumulate // settings.clips_per_video
    total = training.steps * training.accumulate
    if settings.balanced:
        return BalancedStream(labels.tolist(), per_batch=per_batch, total=total, seed=settings.seed)
    return BatchStream(len(labels), per_batch=per_batch, total=total, seed=settings.seed)


def check_frames(settings: FinetuneSettings, dataset: ClipDataset) -> None:
    """Check, before training starts, that the frames are large enough.

    Raises:
        InputError: If the frames are too small for the crop or for the encoder.
    """
    if settings.crop is not None:
        settings.crop.check(dataset.size)
    size = dataset.size if settings.crop is None else settings.crop.size
    classifier = Classifier(settings.encoder, settings.head)
    check_fits(classifier, size, frames=settings.clips.length)


def provenance(
    settings: FinetuneSettings,
    labelled: Collection[str],
    size: tuple[int, int],
    *,
    unlabelled: Collection[str],
) -> Provenance:
    """Return the provenance of the encoder after it was trained on these videos too.

    Args:
        settings: the settings of the run.
        labelled: content ids of the labelled training videos.
        size: H and W that frames were decoded at.
        unlabelled: content ids of the unlabelled videos of joint training with coherence.
    """
    before, names = settings.encoder.provenance, settings.encoder.named_parameters()
    frozen = not any(settings.rates.of(f"encoder.{name}") for name, _ in names)
    supervised = set() if frozen else set(labelled)
    footage = set(supervised)
    notes = [] if frozen else ["fine-tuned with labels"]
    if settings.second is not None:
        notes.append("trained on two data sets at once")
    if settings.coherence is not None:
        footage |= set(unlabelled)
        notes.append("trained with temporal coherence in turn")
    return dataclasses.replace(
        before,
        footage=tuple(sorted({*before.footage, *footage})),
        labelled=tuple(sorted({*before.labelled, *supervised})),
        size=size if settings.crop is None else settings.crop.size,
        frames=settings.clips.length,
        stride=int(getattr(settings.clips, "stride", 1)),
        fps=getattr(settings.clips, "fps", None),
        flow=settings.reading.estimators,
        notes=(*before.notes, *notes),
    )
