"""`selfvid fuse`: are several runs together better than the best of them?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from selfvid.comparing.fuse.parts import check_no_leak, read_parts, tested
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
    runs: Sequence[Path],
    *,
    out: Path,
    how: How = "average",
    weights: list[float] | None = None,
    common: bool = False,
    data: Path | None = None,
    seed: int = 0,
    quiet: bool = False,
) -> FuseResult:
    """Make one verdict of several runs' scores, and say whether it beats the best of them.

    The runs must have been tested on the same videos. Classes may stand in another order.

    Args:
        runs: two or more; of each the folder, or its scores.csv. Of a folder its scores.csv is
            read, else its probe/scores.csv.
        out: folder for scores.csv and result.json.
        how: "average" of probabilities; or a linear "svm" on the stacked L2-normalised scores,
            fitted on scores_training.csv of every run, fold by fold where there are folds.
        weights: of the average, one for each run, made to sum to 1: [1,2] is 1/3 and 2/3. Choose
            them before you look at test accuracies. By default all alike.
        common: fuse the videos that all runs have, where some lack a few.
        data: manifest that was tested on, whose groups intervals resample; without it every
            video file stands for itself.
        seed: of resampling and inner folds.
        quiet: print nothing.

    Returns:
        The table, the verdicts and the protocol; printed, and written to OUT.

    Raises:
        InputError: where runs differ in videos, labels or classes, or an option is not what it
            must be.
    """
    asked = command("fuse", fuse, dict(locals()))
    places = [Path(run) for run in runs]
    if len(places) < 2:
        raise InputError(f"runs holds {len(places)}; expected at least 2 to fuse")
    if Path(out).resolve() in {place.resolve() for place in places}:
        raise InputError(f"out {str(out)!r} is one of the runs; expected another folder")
    shares = _shares(how, weights, len(places))
    check_folder(Path(out), kind=KIND, files=(SCORES,))
    if how == "svm":
        found = _by_svm(places, common=common, data=data, seed=seed)
    else:
        found = _by_weights(places, shares, common=common)
    result = _result(found, Path(out), how=how, data=data, seed=seed, asked=asked)
    result.write()
    if not quiet:
        print(result)
    return result


@dataclass(frozen=True, eq=False)
class _Fused:
    """The runs on the same videos, what was made of them, and how as plain data and in words."""

    inputs: list[Scored]
    scores: Scores
    method: dict[str, Any]
    words: str
    left_out: int
    cautions: tuple[str, ...] = ()


def _by_weights(runs: Sequence[Path], shares: list[float], *, common: bool) -> _Fused:
    tables = read_all(runs)
    inputs = matched(tables, common=common)
    probabilities = sum(
        share * each.scores.probabilities for share, each in zip(shares, inputs, strict=True)
    )
    told = " + ".join(
        f"{share:.3g} × {each.name}" for share, each in zip(shares, inputs, strict=True)
    )
    return _Fused(
        inputs=inputs,
        scores=replace(inputs[0].scores, probabilities=np.asarray(probabilities)),
        method={"weights": shares},
        words=f"mean of probabilities, {told}",
        left_out=left_out(tables, inputs),
    )


def _by_svm(runs: Sequence[Path], *, common: bool, data: Path | None, seed: int) -> _Fused:
    parts = read_parts(runs, common=common)
    decided = []
    for part in parts:
        check_no_leak(part, data)
        groups = find_groups(part.training[0].scores.videos, data)
        decided.append(decide(part, groups.names, seed=seed))
    inputs = tested(runs, parts)
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
    found: _Fused, out: Path, *, how: How, data: Path | None, seed: int, asked: str
) -> FuseResult:
    fusion = Scored(FUSION, out / SCORES, found.scores)
    groups = find_groups(found.scores.videos, data)
    rows = [FusedRow(FUSION, accuracy_of(fusion, groups, seed=seed), None)]
    for each in found.inputs:
        standing = stand(fusion.right, each.right, groups.names, seed=seed)
        rows.append(FusedRow(each.name, accuracy_of(each, groups, seed=seed), standing))
    count = len(found.scores.videos)
    return FuseResult.of(
        found.scores,
        tuple(rows),
        heading=f"{len(found.inputs)} runs fused on {count} videos in {groups.count} groups: "
        f"{found.words}",
        verdicts=_verdicts(rows[1:], found, groups),
        protocol={
            "command": asked,
            "inputs": [each.about() for each in found.inputs],
            "data": {
                "videos": count,
                "left_out": found.left_out,
                "groups": groups.count,
                "groups_from": groups.source,
            },
            "method": {"how": how, **found.method, "interval": METHOD, "seed": seed},
            **about_machine(torch.device("cpu")),
        },
        path=out,
    )


def _verdicts(singles: Sequence[FusedRow], found: _Fused, groups: Groups) -> tuple[str, ...]:
    best = max(singles, key=lambda row: row.accuracy.mean)
    assert best.standing is not None
    said = [
        best.standing.in_words(FUSION, f"the best single run, {best.name},"),
        "the best single run was picked on these very videos, which is in its favour",
        *found.cautions,
        groups.caution,
        about_groups(groups.count),
        f"{found.left_out} videos that not all runs have were left out" if found.left_out else None,
    ]
    return tuple(sentence for sentence in said if sentence)


def _shares(how: How, weights: list[float] | None, runs: int) -> list[float]:
    """What each run counts for, summing to 1."""
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
    """A note where the SVM did not converge or its C could not be chosen."""
    said = []
    unconverged = sum(not fit["converged"] for fit in fits)
    if unconverged:
        said.append(f"{unconverged} of {len(fits)} SVMs did not converge")
    default = [fit["how"] for fit in fits if fit["how"].startswith("default")]
    if default:
        said.append(f"C of {len(default)} of {len(fits)} SVMs is the {default[0]}")
    return said
