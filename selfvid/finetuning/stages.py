"""A second stage of training, in which each fold starts from the same fold of an earlier run.

The encoder of a fold was trained on that fold's training videos, and these include the test videos
of all other folds. Therefore each fold of the second stage starts from the encoder of the same fold
of the first stage. The first stage is a finetune run, or encoders that were pretrained for each
fold without the videos that it tests.
"""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import segment_id
from selfvid.encoders.base import Provenance, read_provenance
from selfvid.errors import InputError
from selfvid.finetuning.settings import FinetuneSettings
from selfvid.results.scores import SCORES, Scores
from selfvid.training.run_folder import RunFolder, warm_start


def first_stage(init: Path | str) -> Path:
    """Return the first fold of `init` if it is a run of several folds, otherwise `init` itself."""
    return RunFolder(init).encoders[0]


def continued(settings: FinetuneSettings, test: Manifest, *, fold: int) -> FinetuneSettings:
    """Return `settings` with the encoder of the same fold of the first stage.

    Args:
        settings: the settings of the run; they are returned unchanged if their `init` is not a
            run of several folds.
        test: the test videos of the fold.
        fold: the number of the fold, from 1.

    Raises:
        InputError: If the first stage tested this fold on other videos or was trained on some of
            them, if it has no such fold, or if features are kept, which all folds would share.
    """
    if not _has_stages(settings):
        return settings
    assert settings.init is not None
    if settings.cache is not None:
        raise InputError(
            f"cache keeps features of one encoder, and every fold of init {settings.init!r} has "
            "its own; expected cache to be null"
        )
    stages = RunFolder(settings.init).encoders
    if fold > len(stages):
        raise InputError(
            f"init {settings.init!r} has encoders of {len(stages)} folds; expected as many as are "
            "trained"
        )
    stage = stages[fold - 1]
    _check_same_fold(settings.init, stage, test, fold)
    encoder = copy.deepcopy(settings.encoder)
    warm_start(encoder, stage)
    return dataclasses.replace(settings, encoder=encoder)


def _check_same_fold(init: str, stage: Path, test: Manifest, fold: int) -> None:
    """Check that the first stage of a fold tested what the second tests, or has not seen it."""
    if (stage / SCORES).is_file():
        if set(Scores.read(stage / SCORES).videos) != {segment_id(row) for row in test.rows}:
            raise InputError(
                f"fold {fold} of init {init!r} was tested on other videos; expected the same "
                "manifest, label, folds and seed"
            )
        return
    seen = set(read_provenance(stage).footage)
    common = [row.path for row in test.rows if row.video in seen]
    if common:
        raise InputError(
            f"the encoder of fold {fold} of init {init!r} was trained on {len(common)} of the "
            f"{len(test)} videos that this fold tests, such as {common[0]}; expected encoders of "
            "the same folds"
        )


def before(settings: FinetuneSettings, *, fold: int) -> Provenance:
    """Return the provenance of the encoder that a fold starts from."""
    if not _has_stages(settings):
        return settings.encoder.provenance
    assert settings.init is not None
    return read_provenance(RunFolder(settings.init).encoders[fold - 1])


def _has_stages(settings: FinetuneSettings) -> bool:
    return settings.init is not None and first_stage(settings.init) != Path(settings.init)
