"""`selfvid forecast`: evaluate predicted frames next to baselines that need no network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfvid.compute import Device, Precision, choose_device, loading_workers
from selfvid.data.video.decode import DecoderName
from selfvid.errors import InputError
from selfvid.forecasting.baselines import MEANINGS
from selfvid.forecasting.measures import measure, measure_flow
from selfvid.forecasting.result import (
    KIND,
    ForecastResult,
    flow_in_words,
    in_words,
)
from selfvid.forecasting.run import SequenceOptions, find_sequences
from selfvid.forecasting.sequences import Sequences
from selfvid.forecasting.trial import Forecaster, Trial, run_trial
from selfvid.objectives.frame_loss import UNITS
from selfvid.objectives.predictive import load_predictive
from selfvid.pictures import Picture, write_png
from selfvid.results.files import RESULT, check_folder, writing_files
from selfvid.results.protocol import about_machine, command
from selfvid.saving.recorded import describe
from selfvid.statistics.intervals import DRAWS, GroupDraws

INTERVAL = (
    f"95 % percentile bootstrap, {DRAWS} resamples of sequences of digits or of whole groups of "
    "videos; differences are paired on the same resamples; the spread between training runs is not "
    "included"
)
SOFTENED = (
    "for cross-entropy every baseline, but not the prediction, is softened to (1 - a) x baseline + "
    "a x mean frame, with a chosen for each step on training sequences; for squared error the "
    "baselines are not softened"
)


def forecast(
    run: Path | str,
    data: Path | str | None = None,
    *,
    sequences: int = 1000,
    future: int | None = None,
    reconstruct: bool = False,
    out: Path | str | None = None,
    batch: int = 50,
    seed: int = 0,
    device: Device = "auto",
    precision: Precision = "float32",
    workers: int | None = None,
    decoder: DecoderName = "auto",
    quiet: bool = False,
) -> ForecastResult:
    """Evaluate how well a run predicts frames, next to baselines that need no network.

    The baselines are the last frame repeated, the mean frame, and everything moving on at constant
    velocity; each sees the same frames as the predictions. Errors are summed over the pixels of a
    frame, in the unit of the run's loss, and for pictures by squared error too. If flow is
    predicted and the digits are generated, the flow is compared with the true flow.

    Args:
        run: folder of a finished run of an objective that predicts frames.
        data: for runs on generated digits, a folder of MNIST's idx files, or sklearn; for runs on
            videos, a manifest. By default the data of training: test digits, or rows of split
            "test" (all rows if there are none).
        sequences: number of test sequences; for videos approximately, equally many from each.
        future: number of frames at the end of each clip to predict; by default as in training.
        reconstruct: evaluate how well the frames that the encoder sees are reconstructed, latest
            first, instead of a forecast.
        out: folder for the result; by default forecast/ or reconstruction/ in the run.
        batch: number of sequences that are predicted at once.
        seed: seed of the test sequences and of the resampling.
        device: the device that computes: auto, cpu, cuda or mps; auto uses a GPU if there is one.
        precision: precision of the run's arithmetic.
        workers: number of decoding processes; 0 decodes in the main process.
        decoder: the decoder to use.
        quiet: print neither progress nor result.

    Returns:
        The tables, the verdicts and the protocol. They are printed, and written to OUT as
        result.json, next to pictures of a few sequences.

    Raises:
        InputError: If the run, the data or an option is not as expected.
    """
    command_line = command("forecast", forecast, dict(locals()))
    for name, number in (("sequences", sequences), ("batch", batch), ("future", future)):
        if number is not None and number < 1:
            raise InputError(f"{name} is {number}; expected at least 1")
    if reconstruct and future is not None:
        raise InputError(f"future is {future} but frames shown are reconstructed; expected null")
    folder = Path(run) / ("reconstruction" if reconstruct else "forecast")
    folder = folder if out is None else Path(out)
    check_folder(folder, kind=KIND, called="forecast")
    place = choose_device(device)
    began = time.monotonic()
    forecaster = Forecaster(
        objective=load_predictive(run).to(place),
        future=future,
        reconstruct=reconstruct,
        device=place,
        precision=precision,
    )
    options = SequenceOptions(
        data=None if data is None else Path(data),
        count=sequences,
        batch=batch,
        seed=seed,
        device=place,
        decoder=decoder,
        workers=loading_workers(workers),
    )
    tested = find_sequences(Path(run), forecaster.objective, options)
    trial = run_trial(forecaster, tested, quiet=quiet)
    protocol = {
        "command": command_line,
        "run": {"folder": str(run), "objective": describe(forecaster.objective)},
        "data": tested.about(),
        "method": _method(trial, forecaster, seed=seed, batch=batch),
        **about_machine(place),
        "seconds": round(time.monotonic() - began, 1),
    }
    result = _result(trial, tested, protocol, folder, seed=seed)
    _write(result, trial.pictures)
    if not quiet:
        print(result)
    return result


def _result(
    trial: Trial, tested: Sequences, protocol: dict[str, Any], folder: Path, *, seed: int
) -> ForecastResult:
    """Return the result, with intervals computed from the errors of the trial."""
    measures = measure(trial.errors, GroupDraws.of(trial.groups, seed=seed))
    flow = measure_flow(trial.flow_errors, trial.groups, seed=seed) if trial.flow_errors else ()
    return ForecastResult(
        heading=_heading(trial),
        measures=measures,
        flow=flow,
        verdicts=(
            *map(in_words, measures),
            *([flow_in_words(flow)] if flow else []),
            *([SOFTENED] if trial.baselines.shares else []),
            *tested.in_words(),
        ),
        pictures=tuple(f"sequence-{number}.png" for number in range(len(trial.pictures))),
        protocol=protocol,
        path=folder,
    )


def _write(result: ForecastResult, pictures: Sequence[Picture]) -> None:
    """Write the pictures, and then the result that names them."""
    with writing_files(result.path, kind=KIND):
        for name, picture in zip(result.pictures, pictures, strict=True):
            write_png(picture, result.path / name)
        result.write(result.path / RESULT)


def _heading(trial: Trial) -> str:
    """Say how many sequences there are, and which of their frames are predicted."""
    parts = "sequences" if len(set(trial.groups)) == len(trial.groups) else "clips or their parts"
    frames = trial.steps if trial.backwards else trial.frames
    count = f"{len(trial.groups):,} {parts} of {frames} frames"
    if trial.backwards:
        return f"{count}, all of them seen and reconstructed in a free run, latest first"
    if trial.free:
        seen = trial.frames - trial.steps
        return f"{count}, {trial.steps} predicted in a free run that sees only the first {seen}"
    return f"{count}, {trial.steps} predicted, each from all true frames before it"


def _method(trial: Trial, forecaster: Forecaster, *, seed: int, batch: int) -> dict[str, Any]:
    """Return how the figures were computed, for the protocol."""
    baselines, loss = trial.baselines, forecaster.objective.loss
    return {
        "reconstructed": trial.backwards,
        "free_run": trial.free,
        "frames": trial.frames,
        "predicted": trial.steps,
        "unit": UNITS[loss],
        "baselines": MEANINGS,
        "uncovered": "black" if baselines.on_black else "as in the last frame",
        "mean_frame_of": baselines.frames,
        "softened": SOFTENED if baselines.shares else None,
        "shares": {name: shares.tolist() for name, shares in baselines.shares.items()},
        "interval": INTERVAL,
        "precision": forecaster.precision,
        "batch": batch,
        "seed": seed,
    }
