"""The command `selfvid compare`: compare two runs on the same videos, class by class."""

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
    first: Path | str,
    second: Path | str,
    *,
    out: Path | str | None = None,
    common: bool = False,
    data: Path | str | None = None,
    seed: int = 0,
    quiet: bool = False,
) -> CompareResult:
    """Compare two runs on the same videos: over all videos, and class by class.

    Args:
        first: a run's folder, or a scores.csv. In a folder, scores.csv is read, or
            probe/scores.csv if there is no scores.csv.
        second: the run to compare with; all differences are the first run minus this one.
        out: folder for result.json and per_class.png; by default nothing is written.
        common: compare only the videos that both runs have, if one lacks some.
        data: manifest of the tested videos. Intervals and tests treat a group of it as one unit.
            Without a manifest, each video file is a group of its own.
        seed: seed of the resampling.
        quiet: print nothing.

    Returns:
        Both accuracies, the paired difference with its interval and exact test, and the same for
        each class, from the largest gain to the largest loss.

    Raises:
        InputError: If the runs differ in videos, labels or classes, or a path is not as expected.
    """
    command_line = command("compare", compare, dict(locals()))
    if out is not None:
        check_folder(Path(out), kind=KIND, files=(PICTURE,))
    tables = read_all([Path(first), Path(second)])
    one, two = matched(tables, common=common)
    groups = find_groups(one.scores.videos, data)
    counts = {
        "videos": len(one.scores.videos),
        "left_out": left_out(tables, [one, two]),
        "groups": groups.count,
        "groups_from": groups.source,
    }
    protocol = {
        "command": command_line,
        "inputs": [one.about(), two.about()],
        "data": counts,
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

    def compared(run: Scored, alone: int) -> ComparedRun:
        accuracy = accuracy_interval(run.right, groups.names, seed=seed)
        return ComparedRun(run.name, accuracy, int(run.right.sum()), alone)

    sentences = [
        standing.in_words(first.name, second.name),
        *in_words(rows, missing),
        groups.caution,
        about_groups(groups.count),
        f"{data['left_out']} videos that one run lacks were left out" if data["left_out"] else None,
    ]
    return CompareResult(
        heading=f"{first.name} (first) against {second.name} (second) on {data['videos']} videos "
        f"of {len(rows)} classes in {groups.count} groups",
        runs=(compared(first, standing.only_first), compared(second, standing.only_second)),
        standing=standing,
        classes=tuple(rows),
        absent=missing,
        verdicts=tuple(sentence for sentence in sentences if sentence),
        protocol=protocol,
        path=out,
    )
