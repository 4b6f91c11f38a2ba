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
from selfvid.errors import InputError
from selfvid.finetuning.settings import FinetuneSettings
from selfvid.results.scores import SCORES, Scores
from selfvid.training.run_folder import RunFolder, warm_start


def first_stage(init: Path | str) -> Path:
    """The folder of an encoder like those of `init`: of its first fold, or `init` itself."""
    return RunFolder(init).encoders[0]


def continued(settings: FinetuneSettings, test: Manifest, *, fold: int) -> FinetuneSettings:
    """`settings` with the encoder that the same fold of its first stage left.

    Args:
        settings: of the run; if their `init` is no run of several folds is returned as it is.
        test: the fold's test videos.
        fold: its number, from 1.

    Raises:
        InputError: where the first stage tested that fold on other videos, or features are kept
            for all folds together.
    """
    if not _has_stages(settings):
        return settings
    assert settings.init is not None
    if settings.cache is not None:
        raise InputError(
            f"cache keeps features of one encoder, and every fold of init {settings.init!r} has "
            "its own; expected cache to be null"
        )
    stage = RunFolder(settings.init).fold(fold)
    tested = set(Scores.read(stage / SCORES).videos) if (stage / SCORES).is_file() else set()
    if tested != {segment_id(row) for row in test.rows}:
        raise InputError(
            f"fold {fold} of init {settings.init!r} was tested on other videos; expected the same "
            "manifest, label, folds and seed"
        )
    encoder = copy.deepcopy(settings.encoder)
    warm_start(encoder, stage)
    return dataclasses.replace(settings, encoder=encoder)


def before(settings: FinetuneSettings, *, fold: int) -> Provenance:
    """Where the encoder that a fold begins with comes from."""
    if not _has_stages(settings):
        return settings.encoder.provenance
    assert settings.init is not None
    return read_provenance(RunFolder(settings.init).fold(fold))


def _has_stages(settings: FinetuneSettings) -> bool:
    return settings.init is not None and first_stage(settings.init) != Path(settings.init)
