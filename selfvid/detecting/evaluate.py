"""`selfvid detect eval`: what a detector finds in its test videos, beside guesses that see none."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from selfvid.detecting.baselines import AT_RANDOM, EVERYWHERE, Guess
from selfvid.detecting.measures import DRAWS, Judge, Outcome
from selfvid.detecting.result import (
    KIND,
    MAIN_OVERLAP,
    TIMELINES,
    ActivityRow,
    DetectResult,
    Setting,
    rows_of,
    verdicts_of,
)
from selfvid.detecting.segments import (
    CSV,
    JSON,
    Ends,
    PostProcessing,
    Segment,
    draw_timeline,
    smoothed,
    write_detections,
)
from selfvid.detecting.trial import Trial
from selfvid.errors import InputError
from selfvid.pictures import write_png
from selfvid.results.files import check_folder
from selfvid.results.protocol import about_machine, command

SWEEP_SMOOTH, SWEEP_ALPHA = (0, 5, 10), (0.2, 0.3, 0.5)
INTERVAL = (
    f"95 % percentile bootstrap, {DRAWS} draws of whole groups of test videos, mean average "
    "precision computed anew on each; differences are paired on the same draws; another training "
    "run's spread is not in it"
)
SWEPT = "on the test videos, to be read and not to choose by"
Floats = NDArray[np.float64]


def detect_eval(
    run: Path,
    *,
    smooth: int = 5,
    alpha: float = 0.2,
    ends: Ends = "whole",
    alphas: dict[str, float] | None = None,
    seeds: int = 20,
    pictures: int = 6,
    against: list[Path] | Path | None = None,
    out: Path | None = None,
    seed: int = 0,
    quiet: bool = False,
) -> DetectResult:
    """Say how well a detector finds activities in its test videos, beside two baselines.

    Args:
        run: folder of a finished run of detect train.
        smooth: half the width, in clips, of the mean filter along a video.
        alpha: a clip in which something goes on with this probability, or more, is active.
        ends: "published" leaves a video's last clip out of every mean, as the authors' code did.
        alphas: alpha of single activities, where several overlap.
        seeds: tries of the baseline at random.
        pictures: number of test videos whose timelines are drawn.
        against: another run of detect train with the same test videos, or several, which this one
            is held against, draw by draw.
        out: folder for the result; by default the run itself.
        seed: of the baseline at random and of resampling.
        quiet: print neither progress nor result.

    Returns:
        Mean average precision at tIoU 0.3, 0.5 and 0.7 with intervals, that of whole videos, and
        hit@3; in OUT as result.json, beside detections.json, detections.csv and timelines.

    Raises:
        InputError: where a run or an option are not what they must be.
    """
    asked = command("detect eval", detect_eval, dict(locals()))
    post = PostProcessing(smooth, alpha, ends, alphas or {})
    if seeds < 1 or pictures < 0:
        raise InputError(f"seeds is {seeds} and pictures {pictures}; expected 1 and 0 or more")
    folder = Path(run) if out is None else Path(out)
    check_folder(folder, kind=KIND, files=(JSON, CSV), called="detect eval")
    trial = Trial.of(Path(run), quiet=quiet)
    post.check(trial.labels, trial.assume)
    began = time.monotonic()
    others = {
        str(other): trial.guesses_of(Trial.of(Path(other), quiet=quiet), post, called=str(other))
        for other in ([against] if isinstance(against, str | Path) else against or ())
    }
    result = _result(trial, others, post, folder, seeds=seeds, seed=seed)
    names = _draw(trial, post, folder / TIMELINES, most=pictures)
    protocol = {
        "command": asked,
        "run": str(run),
        "data": trial.about(),
        "method": {
            **dataclasses.asdict(post),
            "matching": "ActivityNet's: by falling score, each true segment once",
            "interval": INTERVAL,
            "swept": SWEPT,
            "seeds": seeds,
            "seed": seed,
            "against": list(others),
        },
        **about_machine(trial.stream_encoder.device),
        "seconds": round(time.monotonic() - began, 1),
    }
    result = dataclasses.replace(result, pictures=names, protocol=protocol)
    result.write()
    if not quiet:
        print(result)
    return result


def _result(
    trial: Trial,
    others: Mapping[str, Sequence[Guess]],
    post: PostProcessing,
    folder: Path,
    *,
    seeds: int,
    seed: int,
) -> DetectResult:
    """The figures; detections are written to `folder`."""
    judge = Judge(
        [each.recording for each in trial.tested],
        [each.group for each in trial.tested],
        trial.labels,
        seed,
    )
    guesses = [trial.guess(each, post) for each in trial.tested]
    segments = [found for found, _ in guesses]
    baselines = {
        EVERYWHERE: judge.outcome(
            [each.statistics.everywhere(each.recording) for each in trial.tested]
        ),
        AT_RANDOM: Outcome.mean([judge.outcome(trial.at_random(seed, n)) for n in range(seeds)]),
    }
    rivals = {name: judge.outcome(found) for name, found in others.items()}
    rows = rows_of(judge.outcome(guesses), baselines, rivals)
    groups = len(set(judge.groups))
    folder.mkdir(parents=True, exist_ok=True)
    names = [each.recording.video.name for each in trial.tested]
    found = dict(zip(names, segments, strict=True))
    write_detections(found, folder, encoder=type(trial.stream_encoder.encoder).__name__)
    return DetectResult(
        heading=f"{len(trial.tested)} test videos in {groups} groups, {len(judge.truth)} true "
        f"segments of {len(trial.labels)} activities; smoothed by k = {post.smooth}, alpha = "
        f"{post.alpha:g}",
        rows=rows,
        sweep=_sweep(trial, judge, post),
        activities=_activities(judge, segments),
        verdicts=verdicts_of(rows, groups=groups, footage=dataclasses.asdict(trial.footage)),
        pictures=(),
        protocol={},
        path=folder,
    )


def _draw(trial: Trial, post: PostProcessing, folder: Path, *, most: int) -> tuple[str, ...]:
    """Timelines of the first test videos; their names."""
    names = []
    for number, each in enumerate(trial.tested[:most], start=1):
        folder.mkdir(parents=True, exist_ok=True)
        segments, _ = trial.guess(each, post)
        picture = draw_timeline(
            smoothed(each.chances, half=post.smooth, ends=post.ends),
            each.spans,
            segments,
            truth=each.recording.video.activities,
            labels=trial.labels,
            title=each.recording.video.name,
        )
        names.append(f"{number}.png")
        write_png(picture, folder / names[-1])
    return tuple(names)


def _sweep(trial: Trial, judge: Judge, post: PostProcessing) -> tuple[Setting, ...]:
    found = []
    for smooth in SWEEP_SMOOTH:
        for alpha in SWEEP_ALPHA:
            other = PostProcessing(smooth, alpha, post.ends)
            segments = [trial.guess(each, other)[0] for each in trial.tested]
            precision = float(np.nanmean(judge.at(segments, MAIN_OVERLAP)))
            found.append(Setting(smooth, alpha, precision))
    return tuple(found)


def _activities(judge: Judge, segments: Sequence[Sequence[Segment]]) -> tuple[ActivityRow, ...]:
    precision = judge.at(segments, MAIN_OVERLAP)
    shown = np.bincount(judge.truth.labels, minlength=len(judge.labels))
    names = [each.label for found in segments for each in found]
    return tuple(
        ActivityRow(label, int(shown[at]), names.count(label), float(precision[at]))
        for at, label in enumerate(judge.labels)
    )
