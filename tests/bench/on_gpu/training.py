"""The published sizes on Moving MNIST: each run goes on from its checkpoint and is then evaluated.

A run is the user's command ``selfvid pretrain``, ended by a signal when its time is over. It then
has a checkpoint, whose predictions are evaluated as ``selfvid forecast`` does it.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from selfvid.forecasting.command import forecast
from selfvid.objectives.frame_loss import UNITS, FrameLoss
from selfvid.objectives.predictive import Predictive
from selfvid.saving.recorded import build
from selfvid.training.checkpoints import newest_whole, saved, step_of
from selfvid.training.run_folder import RunFolder

RECIPES = Path(__file__).parents[3] / "recipes"
EVALUATING = 25.0  # seconds of a run's share that are kept for its evaluation
SAVING = 30.0  # seconds that a run has to save itself


@dataclass(frozen=True)
class Published:
    """A run at the published size.

    Attributes:
        recipe: its recipe.
        aim: the published figure.
        loss: the loss that it is a value of.
        tiny: options for a trial on a CPU.
    """

    recipe: str
    aim: float
    loss: FrameLoss
    tiny: tuple[str, ...]


SMALL = ("--data.canvas", "32", "--data.frames", "12")
RUNS = (
    Published(
        "srivastava2015_movingmnist",
        aim=341.2,
        loss="cross_entropy",
        tiny=("--objective.encoder.hidden", "16"),
    ),
    Published("patraucean2015_movingmnist", aim=179.8, loss="cross_entropy", tiny=SMALL),
    Published(
        "convlstm_movingmnist",
        aim=29.8,
        loss="squared_error",
        tiny=("--objective.encoder.hidden", "8", *SMALL),
    ),
)


def train_all(
    runs: Path, recipes: Sequence[str], *, mnist: str, seconds: float, quick: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Train every run for its share of the time; a run that fails does not end the others."""
    ends = time.monotonic() + seconds - SAVING
    chosen = [published for published in RUNS if published.recipe in recipes]
    for number, published in enumerate(chosen):
        share = (ends - time.monotonic()) / (len(chosen) - number)
        run = runs / published.recipe
        try:
            figures = train(published, run, mnist=mnist, seconds=share, quick=quick)
        except Exception as error:
            figures = {"error": f"{type(error).__name__}: {error}"}
        print(published.recipe, figures, flush=True)
        yield published.recipe, figures


def train(
    published: Published, run: Path, *, mnist: str, seconds: float, quick: bool
) -> dict[str, Any]:
    """Go on with one run and evaluate it."""
    before = _steps(run)
    began = time.monotonic()
    said = _pretrain(published, run, mnist=mnist, seconds=seconds - EVALUATING, quick=quick)
    spent = time.monotonic() - began
    steps = _steps(run)
    if not steps:
        raise RuntimeError(f"no checkpoint was saved: {said}")
    _finish_early(run)
    result = forecast(run, sequences=20 if quick else 1000, batch=10 if quick else 50, quiet=True)
    (measure,) = (each for each in result.measures if each.unit == UNITS[published.loss])
    error = measure.prediction.error
    return {
        "steps": steps,
        "steps_this_time": steps - before,
        "seconds_this_time": round(spent, 1),
        "published": published.aim,
        "unit": measure.unit,
        "error": error.mean,
        "interval": [error.low, error.high],
        "best_baseline": measure.best_baseline.error.mean,
        "said": said,
    }


def _pretrain(published: Published, run: Path, *, mnist: str, seconds: float, quick: bool) -> str:
    """Run the command for `seconds`, end it by a signal, and return the end of what it printed.

    A quick run ends as soon as it has saved a checkpoint.
    """
    command = [sys.executable, "-m", "selfvid", "pretrain"]
    command += ["--config", str(RECIPES / f"{published.recipe}.yaml")]
    command += ["--data.source", mnist, "--out", str(run)]
    command += ["--training.compiled", str(torch.cuda.is_available()).lower()]
    command += ["--training.preview_every", "10000"]
    command += ["--training.checkpoint_every", "1" if quick else "2000"]
    if quick:
        command += ["--training.batch", "2", "--training.warmup", "0", *published.tiny]
    if (run / "recipe.yaml").is_file():
        command.append("--resume")
    before, ends = _steps(run), time.monotonic() + seconds
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        while process.poll() is None and time.monotonic() < ends:
            if quick and _steps(run) > before:
                break
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        try:
            process.wait(SAVING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.seek(0)
        return log.read()[-800:]


def _steps(run: Path) -> int:
    """Return the steps of the newest checkpoint; 0 if there is none."""
    return max(map(step_of, saved(run / "checkpoints")), default=0)


def _finish_early(run: Path) -> None:
    """Save the objective of the newest checkpoint, which `forecast` reads, in the run's folder."""
    folder = RunFolder(run)
    checkpoint = newest_whole(folder.checkpoints)
    assert checkpoint is not None
    objective = build(folder.read_recipe()["objective"])
    assert isinstance(objective, Predictive)
    weights = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    mine = {
        name.removeprefix("objective."): value
        for name, value in weights.items()
        if name.startswith("objective.")
    }
    objective.load_state_dict(mine)
    shutil.rmtree(folder.objective, ignore_errors=True)
    objective.save(folder.objective)
