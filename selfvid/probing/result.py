"""The result of a probe: its table for the terminal, and its files."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import segment_id
from selfvid.data.manifest.tables import Cell, write_table
from selfvid.probing.baselines.histograms.variant import NAME as HISTOGRAMS
from selfvid.probing.classifiers.knn import RECALLS, SHOWN_K
from selfvid.probing.comparison import ENCODER, Comparison, MotionCheck
from selfvid.probing.label_curve import LabelCurve
from selfvid.probing.variants import RawResult, Task, VariantResult
from selfvid.results.files import RESULT, write_result, writing_files
from selfvid.results.leaks import Footage
from selfvid.results.scores import Scores
from selfvid.results.tables import aligned
from selfvid.statistics.intervals import Interval
from selfvid.statistics.metrics import confusion, per_class_accuracy

KIND = "selfvid probe"
SCORES = "scores.csv"
HISTOGRAM_SCORES = "scores_histograms.csv"
PREDICTIONS = "predictions.csv"
OWN_FILES = (SCORES, HISTOGRAM_SCORES, PREDICTIONS)
FEATURES = "features"


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """The result of a probe.

    Attributes:
        rows: one for each variant; the encoder is the first.
        differences: the encoder's accuracy minus that of each other variant, paired.
        knn_differences: the same of the vote of five neighbours.
        verdicts: what the figures mean, in sentences.
        classes: names of the K classes.
        confusion: confusion matrix of the encoder's predictions, (K, K), a row for each true
            class.
        per_class: the encoder's accuracy on each class, (K,).
        curve: accuracy by number of labels, or None.
        motion: the check with frozen and shuffled clips, or None.
        footage: how many test videos were in the footage of pretraining.
        protocol: the encoder, the videos, the method and the machine, as plain data.
        path: the folder with result.json, scores.csv and predictions.csv.
    """

    rows: tuple[VariantResult, ...]
    differences: dict[str, Interval]
    knn_differences: dict[str, Interval]
    verdicts: tuple[str, ...]
    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    per_class: NDArray[np.float64]
    curve: LabelCurve | None
    motion: MotionCheck | None
    footage: Footage
    protocol: dict[str, Any]
    path: Path

    @staticmethod
    def of(
        comparison: Comparison, task: Task, *, titled: Callable[[str], str] = str, **others: Any
    ) -> ProbeResult:
        """Return the result of a comparison.

        Args:
            comparison: the results of all variants.
            task: the task.
            titled: returns the name of a variant in the tables.
            others: the attributes that do not follow from the comparison.
        """
        tested = task.tested
        predicted = comparison.raw[ENCODER].predicted[0, tested]
        truth, count = task.labels[tested], len(task.classes)
        return ProbeResult(
            rows=tuple(replace(row, name=titled(row.name)) for row in comparison.rows),
            differences={titled(name): gap for name, gap in comparison.differences.items()},
            knn_differences={titled(name): gap for name, gap in comparison.knn_differences.items()},
            classes=task.classes,
            confusion=confusion(predicted, truth, count),
            per_class=per_class_accuracy(predicted, truth, count),
            **others,
        )

    def row(self, name: str) -> VariantResult:
        """Return the row of the variant called `name`."""
        return next(row for row in self.rows if row.name == name)

    @property
    def heading(self) -> str:
        """Two lines above the table: the videos, and how they were classified."""
        data = self.protocol["data"]
        pool = self.protocol["method"]["pool"]
        count = len(data["folds"])
        tests = f"{count} folds" if count > 1 else "one split"
        members = self.protocol["encoder"].get("members", ())
        joined = f" of {len(members)} encoders side by side" if members else ""
        return (
            f"{data['label']}: {data['tested']} videos tested, {len(self.classes)} classes, "
            f"{data['groups']} groups, {tests}\n"
            f"logistic regression on frozen features{joined}, pool {pool}; "
            "intervals by bootstrap over groups"
        )

    def __str__(self) -> str:
        parts = [self.heading, table(self.rows)]
        if self.curve is not None:
            parts.append(curve_table(self.curve))
        parts.append("\n".join(f"- {verdict}" for verdict in self.verdicts))
        return "\n\n".join(parts)

    def write(self, path: Path) -> Path:
        """Write the result as JSON; unknown numbers become null, and no partial file is left."""
        return write_result(self, path, kind=KIND)


def table(rows: tuple[VariantResult, ...]) -> str:
    """Return the table of the variants: a row for each, with accuracies in percent."""
    recalls = [f"R@{k}" for k in RECALLS]
    lines = [["", "accuracy", "95 % interval", f"kNN-{SHOWN_K}", *recalls]]
    for row in rows:
        found = [row.knn.get(SHOWN_K, math.nan), *(row.recall.get(k, math.nan) for k in RECALLS)]
        lines.append(
            [_named(row), _percent(row.accuracy.mean), _ends(row.accuracy), *map(_percent, found)]
        )
    return aligned(lines)


def curve_table(curve: LabelCurve) -> str:
    """Return the tables of the label curve: a row for each variant, a column for each count.

    The second table has the differences between the first variant and each other. Sentences say
    which variant is first.
    """
    counts = ["all" if count is None else str(count) for count in curve.counts]
    own, *others = curve.variants
    lines = [["labels per class", *counts]]
    for name in curve.variants:
        found = (curve.point(name, count).accuracy for count in curve.counts)
        lines.append([name, *(f"{_percent(each.mean)} {_ends(each)}".rstrip() for each in found)])
    parts = [aligned(lines)]
    if others:
        lines = [[f"{own} minus", *counts]]
        for name in others:
            gaps = (curve.difference(name, count) for count in curve.counts)
            lines.append([name, *(f"{100 * gap.mean:+.1f} {_ends(gap)}".rstrip() for gap in gaps)])
        parts.append(aligned(lines))
    sentences = [f"- {sentence}" for sentence in (*curve.words, *curve.skipped)]
    return "\n\n".join([*parts, "\n".join(sentences)] if sentences else parts)


def write_probe(
    result: ProbeResult, raw: dict[str, RawResult], task: Task, manifest: Manifest
) -> None:
    """Write scores, predictions and, as the last file, the result.

    Args:
        result: the result; its `path` is the folder.
        raw: raw results by name of the variant.
        task: the task.
        manifest: the videos of the task.
    """
    tested = task.tested.tolist()
    rows = [manifest.rows[at] for at in tested]
    lines = _prediction_lines(raw, task, manifest)
    with writing_files(result.path, kind=KIND):
        for variant, name in ((ENCODER, SCORES), (HISTOGRAMS, HISTOGRAM_SCORES)):
            if variant not in raw:
                (result.path / name).unlink(missing_ok=True)  # left from an earlier probe
                continue
            Scores(
                videos=tuple(segment_id(row) for row in rows),
                labels=task.labels[tested],
                classes=task.classes,
                probabilities=raw[variant].probabilities[0, tested],
            ).write(result.path / name)
        write_table(result.path / PREDICTIONS, list(lines[0]), lines)
        result.write(result.path / RESULT)


def _prediction_lines(
    raw: dict[str, RawResult], task: Task, manifest: Manifest
) -> list[dict[str, Cell]]:
    """Return the predicted class of every tested video by every variant, a line for each video."""
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
            for name, found in raw.items():
                for repeat, guess in enumerate(found.predicted[:, at].tolist()):
                    suffix = f" {repeat}" if len(found.predicted) > 1 else ""
                    line[f"{name}{suffix}"] = task.classes[guess]
            lines.append(line)
    return lines


def _named(row: VariantResult) -> str:
    repeats = len(row.repeat_accuracies)
    return f"{row.name} ({repeats} seeds)" if repeats > 1 else row.name


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:.1f}"


def _ends(interval: Interval) -> str:
    if math.isnan(interval.low):
        return ""
    return f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
