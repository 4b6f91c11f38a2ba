"""Start a run in a new folder, or resume the run in an existing one; for all training commands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfvid.errors import InputError
from selfvid.saving.whole import write_whole
from selfvid.training.checkpoints import newest_whole, step_of
from selfvid.training.fit import is_first_process
from selfvid.training.owner import own
from selfvid.training.run_folder import RunFolder


def start_or_resume(
    run: RunFolder,
    recipe: dict[str, Any],
    *,
    resume: bool,
    manifests: Mapping[str, str] | None = None,
) -> None:
    """Create the folder of a run with its recipe, or check that the run in it can be resumed.

    Args:
        run: the folder of the run.
        recipe: the arguments of the command, as plain data.
        resume: whether to continue the run in the folder.
        manifests: hash of what the run reads of each of its manifests, by the name of the option
            that gives it.

    Raises:
        InputError: If a new run's folder exists, or if a resumed run is missing, finished, has
            another recipe (but for the rate), reads other videos or is being written by another
            process.
    """
    if resume:
        run.check_resumable(recipe)
        _check_manifests(run, manifests or {}, recipe)
    elif is_first_process():
        run.create()
        write_whole(run.manifests, json.dumps(dict(manifests or {}), indent=2) + "\n")
        run.write_recipe(recipe)
    if is_first_process():
        own(run)
        if _rate(run.read_recipe()) != _rate(recipe):
            run.write_recipe(recipe)


def resume_point(run: RunFolder, *, updates: int = 1) -> Path | None:
    """Return the checkpoint to continue from, or None if training starts from the beginning.

    This is the newest checkpoint that is not damaged. Later steps will be trained again, so their
    lines are removed from the history.

    Args:
        run: the folder of the run, or of one of its folds.
        updates: number of optimiser updates that make up one step of the run.

    Raises:
        InputError: If there are checkpoints and all are damaged.
    """
    checkpoint = newest_whole(run.checkpoints)
    if is_first_process():
        for folder in (run.checkpoints, run.pictures):
            folder.mkdir(parents=True, exist_ok=True)
        run.trim_history(-1 if checkpoint is None else step_of(checkpoint) // updates)
    return checkpoint


def _rate(recipe: dict[str, Any]) -> Any:
    return (recipe.get("training") or {}).get("rate")


def _check_manifests(run: RunFolder, now: Mapping[str, str], recipe: dict[str, Any]) -> None:
    """Refuse to go on with other videos, labels or folds than the run began with.

    A run of a version that did not note them yet has nothing to compare with.
    """
    if not run.manifests.is_file():
        return
    try:
        before = dict(json.loads(run.manifests.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise InputError(
            f"{str(run.manifests)!r} is damaged; expected the hashes of the run's manifests"
        ) from None
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            raise InputError(
                f"{name} {recipe.get(name)!r} lists other videos, labels or folds than when the "
                f"run in {str(run.path)!r} began (hash {before.get(name)}, now {now.get(name)}); "
                "expected the same manifest, or a new run"
            )
