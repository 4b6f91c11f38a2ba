"""The command `selfvid fuse`: combine several runs and compare the fusion with the best of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from selfvid.comparing.fuse.parts import check_no_leak, pooled_test_scores, read_parts
from selfvid.comparing.fuse.result import FUSION, KIND, FusedRow, FuseResult, accuracy_of
from selfvid.comparing.fuse.svm import GRID, INNER_FOLDS, PROTOCOL, UNCALIBRATED, decide
from selfvid.comparing.score_tables import (
    Groups,
    Scored,
    find_groups,
    left_out,
    matched,
    read_all,
)
from selfvid.errors import InputError
from selfvid.results.files import check_folder
from selfvid.results.protocol import about_machine, command
from selfvid.results.scores import SCORES, Scores, pooled
from selfvid.statistics.paired import METHOD, stand
from selfvid.statistics.words import about_groups

How = Literal["average", "svm"]


def fuse(
    runs: Sequence[Path | str],
    *,
    out: Path | str,
    how: How = "average",
    weights: list[float] | None = None,
    common: bool = False,
    data: Path | str | None = None,
    seed: int = 0,
    quiet: bool = False,
) -> FuseResult:
    """Fuse the scores of several runs, and compare the fusion with the best single run.

    The runs must have been tested on the same videos. Their classes may be in different orders.

    Args:
        runs: two or more runs, each a folder or a scores.csv. In a folder, scores.csv is read, or
            probe/scores.csv if there is no scores.csv.
        out: folder for scores.csv and result.json.
        how: "average" is the mean of the probabilities. "svm" is a linear SVM on the stacked
            L2-normalised scores; it is fitted on scores_training.csv of every run, separately
            for each fold if there are folds.
        weights: weights of the average, one for each run; they are scaled to sum to 1, so that
            [1,2] is 1/3 and 2/3. Choose them before you see test accuracies. By default all
            runs have the same weight.
        common: fuse only the videos that all runs have, if some runs lack videos.
        data: manifest of the tested videos. Intervals resample its groups as units. Without a
            manifest, each video file is a group of its own.
        seed: seed of the resampling and of the inner folds.
        quiet: print nothing.

    Returns:
        The accuracies, the verdicts and the protocol; the fused scores are in scores.csv.

    Raises:
        InputError: If the runs differ in videos, labels or classes, or an option is not as
            expected.
    """
    command_line = command("fuse", fuse, dict(locals()))
    folders = [Path(run) for run in runs]
    if len(folders) < 2:
        raise InputError(f"runs holds {len(folders)}; expected at least 2 to fuse")
    if Path(out).resolve() in {folder.resolve() for folder in folders}:
        raise InputError(f"out {str(out)!r} is one of the runs; expected another folder")
    shares = _shares(how, weights, len(folders))
    check_folder(Path(out), kind=KIND, files=(SCORES,))
    if how == "svm":
        fused = _by_svm(folders, common=common, data=data, seed=seed)
    else:
        fused = _by_weights(folders, shares, common=common)
    result = _result(fused, Path(out), how=how, data=data, seed=seed, command_line=command_line)
    result.write()
    if not quiet:
        print(result)
    return result


@dataclass(frozen=True, eq=False)
class _Fused:
    """A fusion.

    Attributes:
        inputs: the test scores of each run, on the same videos.
        scores: the fused scores.
        method: how they were fused, as plain data.
        words: how they were fused, in words.
        left_out: number of videos that not all runs have.
        cautions: sentences that a reader of the result has to know.
    """

    inputs: list[Scored]
    scores: Scores
    method: dict[str, Any]
    words: str
    left_out: int
    cautions: tuple[str, ...] = ()


def _by_weights(runs: Sequence[Path], shares: list[float], *, common: bool) -> _Fused:
    """Average the probabilities of the runs with weights that sum to 1."""
    tables = read_all(runs)
    inputs = matched(tables, common=common)
    probabilities = sum(
        share * each.scores.probabilities for share, each in zip(shares, inputs, strict=True)
    )
    terms = " + ".join(
        f"{share:.3g} × {each.name}" for share, each in zip(shares, inputs, strict=True)
    )
    return _Fused(
        inputs=inputs,
        scores=replace(inputs[0].scores, probabilities=np.asarray(probabilities)),
        method={"weights": shares},
        words=f"mean of probabilities, {terms}",
        left_out=left_out(tables, inputs),
    )


def _by_svm(runs: Sequence[Path], *, common: bool, data: Path | str | None, seed: int) -> _Fused:
    """Fit an SVM on the training scores of each part, and decide on its test scores."""
    parts = read_parts(runs, common=common)
    decided = []
    for part in parts:
        check_no_leak(part, data)
        groups = find_groups(part.training[0].scores.videos, data)
        decided.append(decide(part, groups.names, seed=seed))
    inputs = pooled_test_scores(runs, parts)
    tables = [
        replace(part.tested[0].scores, probabilities=each.probabilities)
        for part, each in zip(parts, decided, strict=True)
    ]
    fitted = {"classifier": PROTOCOL, "grid": GRID, "inner_folds": INNER_FOLDS}
    return _Fused(
        inputs=inputs,
        scores=pooled(tables),
        method=fitted | {"svm": [each.about for each in decided], "scores": UNCALIBRATED},
        words=f"linear SVM on stacked scores, fitted on training scores of {len(parts)} part"
        f"{'s' * (len(parts) > 1)}",
        left_out=sum(part.left_out for part in parts),
        cautions=(UNCALIBRATED, *_about_fits([each.about for each in decided])),
    )


def _result(
    fused: _Fused, out: Path, *, how: How, data: Path | str | None, seed: int, command_line: str
) -> FuseResult:
    """Compare the fusion with every run."""
    fusion = Scored(FUSION, out / SCORES, fused.scores)
    groups = find_groups(fused.scores.videos, data)
    rows = [FusedRow(FUSION, accuracy_of(fusion, groups, seed=seed), None)]
    for each in fused.inputs:
        standing = stand(fusion.right, each.right, groups.names, seed=seed)
        rows.append(FusedRow(each.name, accuracy_of(each, groups, seed=seed), standing))
    count = len(fused.scores.videos)
    return FuseResult.of(
        fused.scores,
        tuple(rows),
        heading=f"{len(fused.inputs)} runs fused on {count} videos in {groups.count} groups: "
        f"{fused.words}",
        verdicts=_verdicts(rows[1:], fused, groups),
        protocol={
            "command": command_line,
            "inputs": [each.about() for each in fused.inputs],
            "data": {
                "videos": count,
                "left_out": fused.left_out,
                "groups": groups.count,
                "groups_from": groups.source,
            },
            "method": {"how": how, **fused.method, "interval": METHOD, "seed": seed},
            **about_machine(torch.device("cpu")),
        },
        path=out,
    )


def _verdicts(singles: Sequence[FusedRow], fused: _Fused, groups: Groups) -> tuple[str, ...]:
    """Return what the figures say, in plain sentences."""
    best = max(singles, key=lambda row: row.accuracy.mean)
    assert best.standing is not None
    sentences = [
        best.standing.in_words(FUSION, f"the best single run, {best.name},"),
        "the best single run was chosen on these test videos, which favours it",
        *fused.cautions,
        groups.caution,
        about_groups(groups.count),
        f"{fused.left_out} videos that not all runs have were left out" if fused.left_out else None,
    ]
    return tuple(sentence for sentence in sentences if sentence)


def _shares(how: How, weights: list[float] | None, runs: int) -> list[float]:
    """Return the weight of each run in the average; the weights sum to 1."""
    if weights is None:
        return [1 / runs] * runs
    if how != "average":
        raise InputError(f"weights is {weights} and how is {how!r}; expected weights of an average")
    if len(weights) != runs:
        raise InputError(f"weights holds {len(weights)} for {runs} runs; expected one for each")
    if not all(math.isfinite(weight) and weight > 0 for weight in weights):
        raise InputError(f"weights is {weights}; expected positive numbers")
    return [weight / sum(weights) for weight in weights]


def _about_fits(fits: Sequence[dict[str, Any]]) -> list[str]:
    """Return notes about SVMs that did not converge or whose C could not be chosen."""
    notes = []
    unconverged = sum(not fit["converged"] for fit in fits)
    if unconverged:
        notes.append(f"{unconverged} of {len(fits)} SVMs did not converge")
    default = [fit["how"] for fit in fits if fit["how"].startswith("default")]
    if default:
        notes.append(f"C of {len(default)} of {len(fits)} SVMs is the {default[0]}")
    return notes
