"""The commands that are interrupted, each small enough to be run hundreds of times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """A command, and what of its results must be the same after an interruption.

    Attributes:
        words: the words of the command line. Paths are relative to a folder with moving digits,
            their manifest ``d.csv`` with two labels (``side``) and a split, and an ``encoder``.
        results: files and folders that the command makes.
        before: commands that are run before it, undisturbed.
    """

    words: tuple[str, ...]
    results: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()


PREPARE = (
    ("index", "digits/labels.csv", "-o", "d.csv", "--workers", "1"),
    (
        *(
            "pretrain",
            "--config",
            "vicreg",
            "--data",
            "d.csv",
            "--out",
            "encoder",
            "--workers",
            "0",
        ),
        *("--size", "32", "--training.steps", "2", "--training.batch", "8"),
        *("--objective.encoder.backbone.stages", "[4, 8]"),
    ),
)
_TRAINING = (
    *("--data", "d.csv", "--out", "run", "--workers", "0", "--size", "32"),
    *("--training.steps", "4", "--training.batch", "8", "--training.checkpoint_every", "2"),
)
_FINETUNE = (
    *("finetune", "--config", "single_frame_ut_interaction", *_TRAINING, "--init", "encoder"),
    *("--encoder.backbone.stages", "[4, 8]", "--label", "side"),
    *("--clips.frames", "2", "--clips.stride", "1"),
    *("--views.frames", "2", "--views.stride", "1", "--views.clips", "2"),
)

SCENARIOS = {
    "pretrain": Scenario(
        (
            *("pretrain", "--config", "lstm_differences", *_TRAINING),
            *("--clips.frames", "6", "--clips.stride", "1", "--clips.clips", "2"),
            *("--objective.future", "2", "--objective.encoder.hidden", "8"),
            *("--training.preview_every", "2"),
        ),
        ("run",),
    ),
    "finetune": Scenario((*_FINETUNE, "--score_training", "true"), ("run",)),
    "finetune folds": Scenario((*_FINETUNE, "--data", "unsplit.csv", "--folds", "2"), ("run",)),
    "finetune cache": Scenario(
        (*_FINETUNE, "--rates", "{encoder: 0}", "--cache", "2", "--cache_folder", "kept"),
        ("run", "kept"),
    ),
    "index": Scenario(
        ("index", "digits/labels.csv", "-o", "new.csv", "--workers", "1"), ("new.csv",)
    ),
    "flow": Scenario(("flow", "d.csv", "-o", "flow", "--size", "32", "--workers", "1"), ("flow",)),
    "probe": Scenario(
        (
            *("probe", "encoder", "d.csv", "--label", "side", "--out", "result"),
            *("--workers", "0", "--seeds", "1", "--label_curve", "[1]", "--motion", "false"),
        ),
        ("result",),
    ),
    "embed": Scenario(
        ("embed", "encoder", "d.csv", "-o", "vectors.csv", "--workers", "0"), ("vectors.csv",)
    ),
    "export": Scenario(("export", "encoder", "--format", "native", "--out", "new"), ("new",)),
}
