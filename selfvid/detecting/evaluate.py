"""`selfvid detect eval`: evaluate a detector on its test videos, next to two baselines."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from selfvid.detecting.baselines import AT_RANDOM, EVERYWHERE, Guess
from selfvid.detecting.measures import DRAWS, Evaluator, Outcome
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
from selfvid.results.files import check_folder, writing_files
from selfvid.results.protocol import about_machine, command

SWEEP_SMOOTH, SWEEP_ALPHA = (0, 5, 10), (0.2, 0.3, 0.5)  # those of the table in Montes et al.
INTERVAL = (
    f"95 % percentile bootstrap, {DRAWS} resamples of whole groups of test videos, mean average "
    "precision computed again on each; differences are paired on the same resamples; the spread "
    "between training runs is not included"
)
SWEPT = "on the test videos: for information, not for choosing the filter or the threshold"


def detect_eval(
    run: Path | str,
    *,
    smooth: int = 5,
    alpha: float = 0.2,
    ends: Ends = "whole",
    alphas: dict[str, float] | None = None,
    seeds: int = 20,
    pictures: int = 6,
    against: list[Path | str] | Path | str | None = None,
    out: Path | str | None = None,
    seed: int = 0,
    quiet: bool = False,
) -> DetectResult:
    """Evaluate how well a detector finds activities in its test videos, next to two baselines.

    A detected segment is right if its temporal intersection over union (tIoU) with a true segment
    of the same activity reaches a threshold.

    Args:
        run: folder of a finished run of detect train.
        smooth: half the width, in clips, of the mean filter along a video.
        alpha: a clip is active if the probability that any activity goes on is at least this.
        ends: whole, or published, which leaves the last clip of a video out of every mean, as the
            authors' code did.
        alphas: alpha of single activities, if activities may overlap.
        seeds: number of tries of the random baseline.
        pictures: number of test videos whose timelines are drawn.
        against: one or several other runs of detect train with the same test videos, to compare
            this run with.
        out: folder for the result; by default the run itself.
        seed: seed of the random baseline and of the resampling.
        quiet: print neither progress nor result.

    Returns:
        Mean average precision at tIoU 0.3, 0.5 and 0.7 with intervals, that of whole videos, and
        hit@3 (the share of videos that show one of their three likeliest activities). They are
        written to OUT as result.json, next to detections.json, detections.csv and timelines.

    Raises:
        InputError: If a run or an option is not as expected.
    """
    command_line = command("detect eval", detect_eval, dict(locals()))
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
    with writing_files(folder, kind=KIND):
        result = _result(trial, others, post, folder, seeds=seeds, seed=seed)
        names = _draw(trial, post, folder / TIMELINES, most=pictures)
        protocol = {
            "command": command_line,
            "run": str(run),
            "data": trial.about(),
            "method": {
                **dataclasses.asdict(post),
                "matching": "as ActivityNet does: by falling score, each true segment once",
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
    """Return the result without pictures and protocol; write the detections to `folder`."""
    evaluator = Evaluator(
        [each.recording for each in trial.tested],
        [each.group for each in trial.tested],
        trial.labels,
        seed,
    )
    guesses = [trial.guess(each, post) for each in trial.tested]
    segments = [found for found, _ in guesses]
    everywhere = [each.statistics.everywhere(each.recording) for each in trial.tested]
    at_random = [evaluator.outcome(trial.at_random(seed, number)) for number in range(seeds)]
    baselines = {EVERYWHERE: evaluator.outcome(everywhere), AT_RANDOM: Outcome.mean(at_random)}
    outcomes = {name: evaluator.outcome(found) for name, found in others.items()}
    rows = rows_of(evaluator.outcome(guesses), baselines, outcomes)
    groups = len(set(evaluator.groups))
    names = [each.recording.video.name for each in trial.tested]
    found = dict(zip(names, segments, strict=True))
    write_detections(found, folder, encoder=type(trial.stream_encoder.encoder).__name__)
    return DetectResult(
        heading=f"{len(trial.tested)} test videos in {groups} groups, {len(evaluator.truth)} true "
        f"segments of {len(trial.labels)} activities; smoothed by k = {post.smooth}, alpha = "
        f"{post.alpha:g}",
        rows=rows,
        sweep=_sweep(trial, evaluator, post),
        activities=_activities(evaluator, segments),
        verdicts=verdicts_of(rows, groups=groups, footage=dataclasses.asdict(trial.footage)),
        pictures=(),
        protocol={},
        path=folder,
    )


def _draw(trial: Trial, post: PostProcessing, folder: Path, *, most: int) -> tuple[str, ...]:
    """Draw the timelines of the first test videos; return the names of the pictures."""
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


def _sweep(trial: Trial, evaluator: Evaluator, post: PostProcessing) -> tuple[Setting, ...]:
    """Return mean average precision with other mean filters and thresholds."""
    settings = []
    for smooth in SWEEP_SMOOTH:
        for alpha in SWEEP_ALPHA:
            other = PostProcessing(smooth, alpha, post.ends)
            segments = [trial.guess(each, other)[0] for each in trial.tested]
            precision = float(np.nanmean(evaluator.by_activity(segments, MAIN_OVERLAP)))
            settings.append(Setting(smooth, alpha, precision))
    return tuple(settings)


def _activities(
    evaluator: Evaluator, segments: Sequence[Sequence[Segment]]
) -> tuple[ActivityRow, ...]:
    """Return the row of each activity."""
    precision = evaluator.by_activity(segments, MAIN_OVERLAP)
    shown = np.bincount(evaluator.truth.labels, minlength=len(evaluator.labels))
    names = [each.label for found in segments for each in found]
    return tuple(
        ActivityRow(label, int(shown[number]), names.count(label), float(precision[number]))
        for number, label in enumerate(evaluator.labels)
    )
