"""`selfvid compare`: is one run better than another, and on which classes?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from selfvid.comparing.result import (
    KIND,
    PICTURE,
    ComparedRun,
    CompareResult,
    absent,
    by_class,
    in_words,
)
from selfvid.comparing.score_tables import Groups, Scored, find_groups, left_out, matched, read_all
from selfvid.results.files import check_folder
from selfvid.results.protocol import about_machine, command
from selfvid.statistics.intervals import accuracy_interval
from selfvid.statistics.paired import METHOD, stand
from selfvid.statistics.words import about_groups


def compare(
    first: Path,
    second: Path,
    *,
    out: Path | None = None,
    common: bool = False,
    data: Path | None = None,
    seed: int = 0,
    quiet: bool = False,
) -> CompareResult:
    """Hold one run against another on the same videos, over all and class by class.

    Args:
        first: a run's folder, or its scores.csv. Of a folder its scores.csv is read, else its
            probe/scores.csv.
        second: what it is held against; differences are the first minus this.
        out: folder for result.json and per_class.png; by default nothing is written.
        common: compare the videos that both have, where one lacks a few.
        data: manifest that was tested on, whose groups intervals and test keep whole; without it
            every video file stands for itself.
        seed: of the resampling.
        quiet: print nothing.

    Returns:
        Both accuracies, the paired difference with interval and exact test, and the same class
        by class from the largest gain to the largest loss; printed, and written to OUT.

    Raises:
        InputError: where the runs differ in videos, labels or classes, or a path is not what it
            must be.
    """
    asked = command("compare", compare, dict(locals()))
    if out is not None:
        check_folder(Path(out), kind=KIND, files=(PICTURE,))
    tables = read_all([Path(first), Path(second)])
    one, two = matched(tables, common=common)
    groups = find_groups(one.scores.videos, data)
    facts = {
        "videos": len(one.scores.videos),
        "left_out": left_out(tables, [one, two]),
        "groups": groups.count,
        "groups_from": groups.source,
    }
    protocol = {
        "command": asked,
        "inputs": [one.about(), two.about()],
        "data": facts,
        "method": {"interval": METHOD, "classes": "Holm over classes", "seed": seed},
        **about_machine(torch.device("cpu")),
    }
    result = _result(one, two, groups, protocol, None if out is None else Path(out))
    result.write()
    if not quiet:
        print(result)
    return result


def _result(
    first: Scored, second: Scored, groups: Groups, protocol: dict[str, Any], out: Path | None
) -> CompareResult:
    seed, data = protocol["method"]["seed"], protocol["data"]
    standing = stand(first.right, second.right, groups.names, seed=seed)
    rows, missing = by_class(first, second, groups, seed=seed), absent(first)

    def about(run: Scored, alone: int) -> ComparedRun:
        accuracy = accuracy_interval(run.right, groups.names, seed=seed)
        return ComparedRun(run.name, accuracy, int(run.right.sum()), alone)

    said = [
        standing.in_words(first.name, second.name),
        *in_words(rows, missing),
        groups.caution,
        about_groups(groups.count),
        f"{data['left_out']} videos that one run lacks were left out" if data["left_out"] else None,
    ]
    return CompareResult(
        heading=f"{first.name} (first) against {second.name} (second) on {data['videos']} videos "
        f"of {len(rows)} classes in {groups.count} groups",
        runs=(about(first, standing.only_first), about(second, standing.only_second)),
        standing=standing,
        classes=tuple(rows),
        absent=missing,
        verdicts=tuple(sentence for sentence in said if sentence),
        protocol=protocol,
        path=out,
    )
