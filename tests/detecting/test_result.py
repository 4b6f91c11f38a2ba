from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfvid.detecting.baselines import AT_RANDOM, EVERYWHERE
from selfvid.detecting.measures import OVERLAPS, Outcome
from selfvid.detecting.result import DetectResult, Setting, rows_of, verdicts_of
from selfvid.reports.page import read_page, report


def test_the_report_shows_the_result(evaluated: Path) -> None:
    page = read_page(evaluated)
    assert page.notes == ()
    own = page.evaluated
    assert own is not None
    assert (own.title, own.tone, len(own.images)) == ("Detection", "good", 2)
    assert [row[0] for row in own.tables[0][1].rows] == [
        "detector",
        "most frequent activity everywhere",
        "segments laid at random",
    ]
    assert "Detection: protocol" in report(evaluated, quiet=True).read_text()


def test_the_report_of_a_run_without_a_result_names_the_next_command(
    run: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    text = report(copy, quiet=True).read_text()
    assert f"selfvid detect eval {copy}" in text
    assert f"selfvid detect train --config {copy}/recipe.yaml" in text
    assert "selfvid pretrain" not in text


def test_a_damaged_result_is_noted(evaluated: Path) -> None:
    path = evaluated / "result.json"
    whole = json.loads(path.read_text())
    for name in ("rows", "sweep", "activities", "pictures"):
        path.write_text(json.dumps(whole | {name: 3}))
        page = read_page(evaluated)  # a note, never a traceback
        assert page.evaluated is None
        assert len(page.notes) == 1


def outcome(mean: float, *, half: float, groups: int = 12) -> Outcome:
    """Resamples that are spread evenly over mean - half to mean + half."""
    draws = np.linspace(mean - half, mean + half, 1001)
    return Outcome(
        {overlap: np.concatenate(([mean], draws)) for overlap in OVERLAPS}, mean, mean, groups
    )


FOOTAGE: dict[str, Any] = {"tested": 20, "seen": 0, "same_group": 0, "known": True}


def test_rows_have_the_interval_and_the_paired_difference() -> None:
    mine, baseline = outcome(0.6, half=0.1), outcome(0.2, half=0.1)
    detector, row = rows_of(mine, {EVERYWHERE: baseline}, {})
    assert detector.detector_over_it is None
    # 95 % of an even spread are 95 % of its width; all differences are the same.
    assert detector.detection["0.5"] == pytest.approx((0.505, 0.6, 0.695))
    assert row.detector_over_it is not None
    assert row.detector_over_it["0.5"] == pytest.approx((0.4, 0.4, 0.4))


@pytest.mark.parametrize(
    ("gap", "beginning"),
    [(0.2, "better than"), (0.05, "no clear difference from"), (-0.2, "worse than")],
)
def test_the_verdict_follows_the_interval_of_the_difference(gap: float, beginning: str) -> None:
    flat = outcome(0.5, half=0.0)
    rows = rows_of(outcome(0.5 + gap, half=0.1), {EVERYWHERE: flat, AT_RANDOM: flat}, {})
    first, precision, footage = verdicts_of(rows, groups=12, footage=FOOTAGE)
    assert first.startswith(f"{beginning} {EVERYWHERE} at tIoU 0.5: ")
    assert precision.startswith("mean average precision at tIoU 0.5: ")
    assert "none of the 20 test videos" in footage


def test_the_better_baseline_comes_first_and_few_groups_are_named() -> None:
    baselines = {EVERYWHERE: outcome(0.1, half=0.0), AT_RANDOM: outcome(0.3, half=0.0)}
    rows = rows_of(outcome(0.9, half=0.0), baselines, {"runs/other": outcome(0.95, half=0.0)})
    first, second, *_, last = verdicts_of(rows, groups=3, footage=FOOTAGE)
    assert first.startswith(f"better than {AT_RANDOM}")
    assert second.startswith("worse than runs/other")
    assert last.startswith("3 groups only")


def test_the_printed_tables_have_every_figure(tmp_path: Path) -> None:
    baselines = {EVERYWHERE: outcome(0.125, half=0.0)}
    sweep = tuple(Setting(k, a, k / 100 + a / 10) for k in (0, 5) for a in (0.2, 0.5))
    rows = rows_of(outcome(0.5, half=0.0), baselines, {})
    result = DetectResult("4 test videos", rows, sweep, (), ("fine",), (), {}, tmp_path)
    lines = [line.split() for line in str(result).splitlines()]
    assert ["detector", *["50.0"] * 5] in lines
    assert [*EVERYWHERE.split(), *["12.5"] * 5] in lines
    assert ["alpha", "k=0", "k=5"] in lines
    assert ["0.5", "5.0", "10.0"] in lines
    plain = json.loads(result.write().read_text())
    assert plain["rows"][1]["detector_over_it"]["0.5"]["mean"] == 0.375
    assert plain["activities"] == []
