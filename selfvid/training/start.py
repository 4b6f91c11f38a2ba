"""Starting a run in a new folder, or resuming the one that is there: one way for all commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfvid.training.checkpoints import newest_whole, step_of
from selfvid.training.fit import is_first_process
from selfvid.training.run_folder import RunFolder


def start_or_resume(run: RunFolder, recipe: dict[str, Any], *, resume: bool) -> None:
    """Make the folder of a run and write its recipe, or check that the run in it can go on.

    Args:
        run: the folder.
        recipe: the arguments of the command, as plain data.
        resume: whether a run in the folder is to be continued.

    Raises:
        InputError: where the folder exists, or holds no run that this recipe can continue.
    """
    if resume:
        run.check_resumable(recipe)
    elif is_first_process():
        run.create()
        run.write_recipe(recipe)


def resume_point(run: RunFolder, *, updates: int = 1) -> Path | None:
    """The newest whole checkpoint in `run`, or None where training begins.

    What the history says of later steps is removed, for they will be made and written again.

    Args:
        run: the folder of the run, or of one of its folds.
        updates: optimiser updates that make one step of the run.

    Raises:
        InputError: where there are checkpoints and all are damaged.
    """
    checkpoint = newest_whole(run.checkpoints)
    if is_first_process():
        for folder in (run.checkpoints, run.pictures):
            folder.mkdir(parents=True, exist_ok=True)
        run.trim_history(-1 if checkpoint is None else step_of(checkpoint) // updates)
    return checkpoint
