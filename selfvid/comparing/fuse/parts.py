"""Reading the training and test scores of several runs, fold by fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from selfvid.comparing.score_tables import (
    Scored,
    check_different,
    find_groups,
    left_out,
    matched,
    same_classes,
)
from selfvid.errors import InputError
from selfvid.results.scores import SCORES, Scores, pooled

TRAINING = "scores_training.csv"
WHOLE = "split"
"""Name of the only part of a run without folds."""


@dataclass(frozen=True, eq=False)
class Part:
    """The scores of all runs on one fold, or on the one split of the videos.

    Attributes:
        name: name of the fold, or "split" if there are no folds.
        training: scores of the same training videos, one table for each run.
        tested: scores of the same test videos, one table for each run.
        left_out: number of test videos that not all runs have.
    """

    name: str
    training: tuple[Scored, ...]
    tested: tuple[Scored, ...]
    left_out: int = 0


def read_parts(runs: Sequence[Path], *, common: bool = False) -> list[Part]:
    """Read the parts that all runs were trained and tested on.

    Args:
        runs: folders with ``scores_training.csv`` and ``scores.csv``, or with both for each fold
            in ``folds/N``.
        common: leave out videos that not all runs have.

    Raises:
        InputError: If a run has no training scores, or the runs differ in folds, classes, videos
            or labels.
    """
    check_different(runs)
    folders = [_fold_folders(Path(run)) for run in runs]
    first = folders[0]
    for run, found in zip(runs[1:], folders[1:], strict=True):
        if set(found) != set(first):
            raise InputError(
                f"{runs[0]} has training scores of {_listed(first)} and {run} of {_listed(found)}; "
                "expected the same folds"
            )
    tables = same_classes(
        [
            _read(found[name] / file)
            for name in first
            for file in (TRAINING, SCORES)
            for found in folders
        ]
    )
    parts = []
    for place, name in enumerate(first):
        begin = 2 * place * len(runs)  # for each fold, the training tables and then the test tables
        middle, end = begin + len(runs), begin + 2 * len(runs)
        training = matched(tables[begin:middle], common=common)
        test = matched(tables[middle:end], common=common)
        count = left_out(tables[middle:end], test)
        parts.append(Part(name, tuple(training), tuple(test), count))
    return parts


def pooled_test_scores(runs: Sequence[Path], parts: Sequence[Part]) -> list[Scored]:
    """Return the test scores of each run, those of all parts in one table.

    Raises:
        InputError: If a video is tested in two parts.
    """
    found = []
    for place, run in enumerate(runs):
        tables = [part.tested[place] for part in parts]
        path = tables[0].path if len(parts) == 1 else Path(run) / "folds"
        found.append(Scored(str(run), path, pooled([each.scores for each in tables])))
    return found


def check_no_leak(part: Part, data: Path | str | None) -> None:
    """Raise an InputError if a group is in the training and in the test videos of a part.

    Args:
        part: the part.
        data: manifest with the groups; without one, each video file is a group of its own.
    """
    training, test = part.training[0], part.tested[0]
    trained = set(find_groups(training.scores.videos, data).names.tolist())
    both = trained.intersection(find_groups(test.scores.videos, data).names.tolist())
    if both:
        raise InputError(
            f"{min(both)!r} is in {training.path} and in {test.path}; expected what belongs "
            "together on one side"
        )


def _fold_folders(run: Path) -> dict[str, Path]:
    """Return the folders with training scores, by the name of the fold."""
    if not run.exists():
        raise InputError(f"run {str(run)!r} does not exist; expected a run's folder")
    if run.is_file():
        raise InputError(
            f"run {str(run)!r} is a file; an SVM needs the run's folder, with {TRAINING}"
        )
    folds = {path.parent.name: path.parent for path in run.glob(f"folds/*/{TRAINING}")}
    if folds:
        return dict(sorted(folds.items()))
    if (run / TRAINING).is_file():
        return {WHOLE: run}
    raise InputError(
        f"run {str(run)!r} has no training scores; expected {TRAINING} in it or in its folds/N, "
        "which `selfvid finetune` leaves: an SVM is fitted on them alone"
    )


def _read(path: Path) -> Scored:
    return Scored(str(path), path, Scores.read(path))


def _listed(folds: dict[str, Path]) -> str:
    return "one split" if set(folds) == {WHOLE} else f"folds {', '.join(folds)}"
