"""A second stage of training, which goes on, fold by fold, where a first one ended.

The encoder that a fold of the first stage left has learnt from that fold's training videos, among
which are the test videos of all other folds. So each fold of the second stage begins with the
encoder of the same fold of the first.
"""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import segment_id
from selfvid.encoders.base import Provenance, read_provenance
from selfvid.training.run_folder import RunFolder
from selfvid.finetuning.settings.run import Supervision
from selfvid.training.warm_start import warm_start
from selfvid.errors import InputError
from selfvid.comparing.score_tables import SCORES
from selfvid.statistics.scores import Scores


def first_stage(init: Path | str) -> Path:
    """The folder of an encoder like those of `init`: of its first fold, or `init` itself."""
    return RunFolder(init).encoders[0]


def continued(job: Supervision, test: Manifest, *, fold: int) -> Supervision:
    """`job` with the encoder that the same fold of its first stage left.

    Args:
        job: what is trained; one whose `init` is no run of several folds is returned as it is.
        test: the fold's test videos.
        fold: its number, from 1.

    Raises:
        InputError: where the first stage tested that fold on other videos, or features are kept
            for all folds together.
    """
    if not _has_stages(job):
        return job
    assert job.init is not None
    if job.cache is not None:
        raise InputError(
            f"cache keeps features of one encoder, and every fold of init {job.init!r} has its "
            "own; expected cache to be null"
        )
    stage = RunFolder(job.init).fold(fold)
    tested = set(Scores.read(stage / SCORES).videos) if (stage / SCORES).is_file() else set()
    if tested != {segment_id(row) for row in test.rows}:
        raise InputError(
            f"fold {fold} of init {job.init!r} was tested on other videos; expected the same "
            "manifest, label, folds and seed"
        )
    encoder = copy.deepcopy(job.encoder)
    warm_start(encoder, stage)
    return dataclasses.replace(job, encoder=encoder)


def before(job: Supervision, *, fold: int) -> Provenance:
    """Where the encoder that a fold begins with comes from."""
    if not _has_stages(job):
        return job.encoder.provenance
    assert job.init is not None
    return read_provenance(RunFolder(job.init).fold(fold))


def _has_stages(job: Supervision) -> bool:
    return job.init is not None and first_stage(job.init) != Path(job.init)
