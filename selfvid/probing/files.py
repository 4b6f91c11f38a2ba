"""A probe's folder: its own files in it are replaced, anybody else's are left alone."""

from __future__ import annotations

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import segment_id
from selfvid.data.manifest.tables import Cell, write_table
from selfvid.probing.comparison import ENCODER
from selfvid.results.files import RESULT
from selfvid.probing.baselines.histograms.variant import NAME as HISTOGRAMS
from selfvid.probing.result import ProbeResult
from selfvid.probing.variants import Assessed, Task
from selfvid.statistics.scores import Scores

SCORES = "scores.csv"
HISTOGRAM_SCORES = "scores_histograms.csv"
PREDICTIONS = "predictions.csv"
OWN_FILES = (SCORES, HISTOGRAM_SCORES, PREDICTIONS)
FEATURES = "features"


def write_result(
    result: ProbeResult, assessed: dict[str, Assessed], task: Task, manifest: Manifest
) -> None:
    """Write scores, predictions and, last, the result itself."""
    result.path.mkdir(parents=True, exist_ok=True)
    tested = task.tested.tolist()
    rows = [manifest.rows[at] for at in tested]
    for variant, name in ((ENCODER, SCORES), (HISTOGRAMS, HISTOGRAM_SCORES)):
        if variant not in assessed:
            (result.path / name).unlink(missing_ok=True)  # an earlier probe may have left one
            continue
        Scores(
            videos=tuple(segment_id(row) for row in rows),
            labels=task.labels[tested],
            classes=task.classes,
            probabilities=assessed[variant].probabilities[0, tested],
        ).write(result.path / name)
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
