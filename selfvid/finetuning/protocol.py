"""The protocol of a finetune run: how it was carried out, in one line and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfvid.compute import choose_device
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.splits import Fold
from selfvid.finetuning.coherence import STEP_KINDS
from selfvid.finetuning.second_folds import SecondFolds
from selfvid.finetuning.settings import FinetuneSettings
from selfvid.results.protocol import about_machine


def heading(settings: FinetuneSettings, folds: Sequence[Fold]) -> str:
    """Return one line that says what was trained and how it was tested."""
    tests = f"{len(folds)} folds" if len(folds) > 1 else "one split"
    crops = "" if settings.crop is None else f", {settings.crop.count} crops of each"
    addition = ""
    if settings.coherence is not None:
        addition = f", in turn with coherence on {len(settings.coherence.footage)} videos"
    if settings.cache is not None:
        addition = f", frozen, {settings.cache} kept clips of each training video"
    if settings.second is not None:
        second = settings.second
        addition = f", multi-task with {second.label} of {len(second.videos)} rows in {second.data}"
    return (
        f"{type(settings.head).__name__} on {type(settings.encoder).__name__}{addition}, "
        f"{settings.label}, {tests}; tested on {settings.views}{crops}"
    )


def protocol(
    settings: FinetuneSettings,
    videos: Manifest,
    folds: Sequence[Fold],
    second: SecondFolds | None,
    *,
    command: str,
    seconds: float,
) -> dict[str, Any]:
    """Return all settings of a run, the sizes of its parts, and the machine, as plain data.

    Args:
        settings: the settings of the run.
        videos: the labelled videos.
        folds: their split into training and test videos, fold by fold.
        second: the second data set, or None.
        command: the command line that makes the same run again.
        seconds: the duration of the run.
    """
    updates = 1 if settings.coherence is None else len(STEP_KINDS)
    return {
        "command": command,
        "folds": [
            {"name": fold.name, "train": len(fold.train), "test": len(fold.test)} for fold in folds
        ],
        "manifest_hash": videos.hash(),
        "label": settings.label,
        "training_clips": repr(settings.clips),
        "views": repr(settings.views),
        "crops": 1 if settings.crop is None else settings.crop.count,
        "size": settings.reading.size,
        "steps": settings.training.steps,
        "updates": settings.training.steps * updates,
        "coherence": settings.recipe()["coherence"],
        "second": None if second is None else second.protocol(),
        "cached_clips": settings.cache,
        "batch": settings.training.batch,
        "rates": dict(settings.rates.factors),
        "init": settings.init,
        "seed": settings.seed,
        **about_machine(choose_device(settings.device)),
        "seconds": round(seconds, 1),
    }
