"""A probe's folder: its own files in it are replaced, anybody else's are left alone."""

from __future__ import annotations

import json
from pathlib import Path

from selfvid.data.manifest import Manifest
from selfvid.data.rows import segment_id
from selfvid.data.tables import Cell, write_table
from selfvid.errors import InputError
from selfvid.evaluation.comparison import ENCODER
from selfvid.evaluation.result import KIND, ProbeResult
from selfvid.evaluation.variants import Assessed, Task
from selfvid.scores import Scores

RESULT = "result.json"
SCORES = "scores.csv"
PREDICTIONS = "predictions.csv"
FEATURES = "features"


def check_folder(folder: Path) -> None:
    """Raise an InputError where `folder` is a file, or holds files of our names but not ours."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"out is {str(folder)!r}, a file; expected a folder")
    ours = _is_probe(folder / RESULT)
    for name in (RESULT, SCORES, PREDICTIONS):
        if (folder / name).exists() and not ours:
            raise InputError(
                f"out {str(folder)!r} holds a {name} that no probe left there; "
                "expected another folder"
            )


def write_result(
    result: ProbeResult, assessed: dict[str, Assessed], task: Task, manifest: Manifest
) -> None:
    """Write scores, predictions and, last, the result itself."""
    result.path.mkdir(parents=True, exist_ok=True)
    tested = task.tested.tolist()
    rows = [manifest.rows[at] for at in tested]
    Scores(
        videos=tuple(segment_id(row) for row in rows),
        labels=task.labels[tested],
        classes=task.classes,
        probabilities=assessed[ENCODER].probabilities[0, tested],
    ).write(result.path / SCORES)
    lines = _prediction_lines(assessed, task, manifest)
    write_table(result.path / PREDICTIONS, list(lines[0]), lines)
    result.write(result.path / RESULT)


def _prediction_lines(
    assessed: dict[str, Assessed], task: Task, manifest: Manifest
) -> list[dict[str, Cell]]:
    """What every variant took every video for: enough to compute any accuracy again."""
    lines = []
    for fold in task.folds:
        for at in fold.test.tolist():
            row = manifest.rows[at]
            line: dict[str, Cell] = {
                "video": segment_id(row),
                "path": row.path,
                "group": str(task.groups[at]),
                "fold": fold.name,
                "label": task.classes[task.labels[at]],
            }
            for name, found in assessed.items():
                for repeat, guess in enumerate(found.predicted[:, at].tolist()):
                    several = f" {repeat}" if len(found.predicted) > 1 else ""
                    line[f"{name}{several}"] = task.classes[guess]
            lines.append(line)
    return lines


def _is_probe(path: Path) -> bool:
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("kind") == KIND
    except (OSError, ValueError, AttributeError):
        return False
