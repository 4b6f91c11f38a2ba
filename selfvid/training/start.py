"""Start a run in a new folder, or resume the run in an existing one; for all training commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfvid.training.checkpoints import newest_whole, step_of
from selfvid.training.fit import is_first_process
from selfvid.training.run_folder import RunFolder


def start_or_resume(run: RunFolder, recipe: dict[str, Any], *, resume: bool) -> None:
    """Create the folder of a run with its recipe, or check that the run in it can be resumed.

    Args:
        run: the folder of the run.
        recipe: the arguments of the command, as plain data.
        resume: whether to continue the run in the folder.

    Raises:
        InputError: If a new run's folder exists, or if a resumed run is missing, finished or has
            another recipe.
    """
    if resume:
        run.check_resumable(recipe)
    elif is_first_process():
        run.create()
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
