"""The folder of a run as pretrain and probe write it, with invented figures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfvid.data.manifest.splits import Fold
from selfvid.pictures import grid, write_png
from selfvid.probing.comparison import MotionCheck
from selfvid.probing.label_curve import CurveDifference, CurvePoint, LabelCurve
from selfvid.probing.result import ProbeResult
from selfvid.probing.variants import Task, VariantResult, chance
from selfvid.results.leaks import Footage
from selfvid.statistics.intervals import Interval

CLASSES = ("shake hands", "hug", "kick", "point", "punch", "push")

RECIPE = """# selfvid: 0.1.0
# torch: 2.15.0
# commit: 0123abc
# hardware: 2 cores, an ordinary processor
data: footage/ut.csv
out: runs/ut
seed: 7
"""


def chance_row() -> VariantResult:
    """The row that the probe writes for six classes of 15 test videos each."""
    every = np.arange(90)
    task = Task(every // 15, every, (Fold(every, every, "split"),), CLASSES)
    return chance(task)


def around(mean: float, half: float = 0.05) -> Interval:
    return Interval(mean - half, mean, mean + half)


def a_row(name: str, mean: float) -> VariantResult:
    return VariantResult(
        name=name,
        features=256,
        accuracy=around(mean),
        fold_accuracies=(mean - 0.1, mean + 0.1),
        repeat_accuracies=(mean,),
        knn={1: mean - 0.1, 5: mean - 0.05},
        recall={1: mean - 0.1, 5: mean + 0.05},
    )


def a_curve() -> LabelCurve:
    means = {
        "encoder": (0.30, 0.41, 0.58, 0.71),
        "random weights": (0.20, 0.24, 0.31, 0.40),
        "optical flow": (0.35, 0.40, 0.50, 0.60),
    }
    points = [
        CurvePoint(name, count, around(mean), (mean,))
        for name, found in means.items()
        for count, mean in zip((1, 2, 5, None), found, strict=True)
    ]
    differences = [
        CurveDifference(name, count, around(first - second))
        for name in list(means)[1:]
        for count, first, second in zip((1, 2, 5, None), means["encoder"], means[name], strict=True)
    ]
    skipped = ("10 per class left out: some class has only 8 training videos in some fold",)
    words = ("with 1 label per class, optical flow comes first",)
    return LabelCurve(tuple(points), tuple(differences), skipped, words)


def a_result(**changes: Any) -> ProbeResult:
    counts = np.full((6, 6), 1) + np.diag([12, 9, 14, 7, 8, 10])
    fields: dict[str, Any] = {
        "rows": (
            a_row("encoder", 0.71),
            a_row("encoder at start", 0.44),
            a_row("random weights", 0.40),
            a_row("metadata", 0.19),
            chance_row(),
            a_row("encoder, frozen frames", 0.51),
            a_row("encoder, shuffled frames", 0.61),
        ),
        "differences": {
            "encoder at start": around(0.27),
            "random weights": around(0.31),
            "metadata": around(0.52),
        },
        "knn_differences": {"random weights": around(0.2)},
        "verdicts": (
            "pretraining helped: +27.0 points [+22.0, +32.0] over the encoder at start",
            "above what metadata gives away: +52.0 points [+47.0, +57.0]",
            "inductive: none of the 90 test videos was in the pretraining footage",
        ),
        "classes": CLASSES,
        "confusion": counts,
        "per_class": np.diag(counts) / counts.sum(1),
        "curve": a_curve(),
        "motion": MotionCheck(
            0.3, around(0.2), around(0.1), ("more than one frame helps", "order matters")
        ),
        "footage": Footage(tested=90, seen=0, same_group=0, known=True),
        "protocol": {"seed": 0, "folds": 5, "pool": "segments"},
        "path": Path(),
    }
    return ProbeResult(**(fields | changes))


def history() -> list[dict[str, float]]:
    decay = [(step, float(np.exp(-step / 200))) for step in range(10, 401, 10)]
    losses = [
        {"step": step, "loss": 1.2 * x + 0.1, "near": 0.4 * x, "far": 0.8 * x, "rate": 1e-3}
        for step, x in decay
    ]
    checks = [
        {
            "step": step,
            "feature_spread": 1 - 0.4 * x,
            "effective_rank": 30 - 20 * x,
            "neighbour_same_video": 0.9 - 0.6 * x,
            "neighbour_chance": 0.06,
        }
        for step, x in [(0, 1.0), *decay[::4]]
    ]
    return losses + checks


def summary(**changes: Any) -> dict[str, Any]:
    return {
        "steps": 400,
        "seconds": 754.2,
        "clips": 25600,
        "epochs": 12.5,
        "videos": 120,
        "hours": 1.25,
        "faults": ["clip of broken.avi: truncated"],
        "words": ["No collapse: spread 0.97, effective rank 28.0."],
        "losses": {"loss": 0.26, "near": 0.05},
        "precision": "bf16",
        "device": "cpu",
        "hardware": "2 cores, an ordinary processor",
    } | changes


def a_card() -> dict[str, Any]:
    checks = [{"shape": [b, t, 3, 64, 64], "difference": 3e-7} for b, t in ((2, 8), (3, 11))]
    return {
        "format": "onnx",
        "input": {"frames": ["B", "T", 3, 64, 64]},
        "parity": {"difference": 3e-7, "checks": checks},
    }


def write_run(folder: Path, **result: Any) -> Path:
    """Write a whole run to `folder`; `result` changes fields of the result of the probe."""
    for name in ("probe", "pictures", "export/onnx"):
        (folder / name).mkdir(parents=True)
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "summary.json").write_text(json.dumps(summary()))
    (folder / "history.jsonl").write_text("".join(json.dumps(x) + "\n" for x in history()))
    (folder / "export/onnx/encoder.json").write_text(json.dumps(a_card()))
    shades = torch.arange(8 * 3 * 48 * 64).remainder(251).view(8, 3, 48, 64).to(torch.uint8)
    for step in (200, 400):
        write_png(grid([shades, shades[:4]]), folder / f"pictures/clips-{step:08d}.png")
    a_result(**result).write(folder / "probe/result.json")
    return folder
