"""The command is tried on a CPU: every section with tiny sizes, and what becomes of bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.bench import bench_recurrent
from tests.bench.on_gpu import __main__ as command
from tests.bench.on_gpu.sections import SECTIONS, Task
from tests.bench.on_gpu.training import RUNS, train_all

pytestmark = pytest.mark.slow

FASTEST = "convlstm_movingmnist"


def task(runs: Path) -> Task:
    return Task(
        limit=60.0,
        runs=runs,
        recipes=(FASTEST,),
        mnist="sklearn",
        quick=True,
        device=torch.device("cpu"),
    )


@pytest.mark.parametrize("name", ["vectors", "maps", "heads", "steps", "loading"])
def test_a_section_measures_what_it_says(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(nn.Module, "compile", lambda *_, **__: None)  # takes half a minute
    monkeypatch.setattr(bench_recurrent, "SIDE", 64)
    (section,) = (each for each in SECTIONS if each.name == name)
    figures = dict(section.measure(task(tmp_path)))
    assert figures
    for numbers in figures.values():
        assert numbers
        assert "error" not in numbers


def test_training_goes_on_where_it_ended_the_last_time(tmp_path: Path) -> None:
    figures: list[dict[str, Any]] = []
    for _ in range(2):
        figures += dict(
            train_all(tmp_path, [FASTEST], mnist="sklearn", seconds=90.0, quick=True)
        ).values()
    first, second = figures
    assert first["steps"] == first["steps_this_time"] > 0
    assert second["steps"] == first["steps"] + second["steps_this_time"] > first["steps"]
    assert second["interval"][0] < second["error"] < second["interval"][1]


def test_every_published_run_has_a_recipe() -> None:
    recipes = {path.stem for path in Path("recipes").glob("*.yaml")}
    assert {published.recipe for published in RUNS} <= recipes


@pytest.mark.parametrize(
    ("code", "limit", "status"),
    [
        ("print('measured')", 30.0, "done"),
        ("raise SystemExit('broken')", 30.0, "failed"),
        ("import time; time.sleep(60)", 1.0, "out of time"),
        ("print('never run')", 0.0, "out of time"),
    ],
)
def test_a_bad_section_does_not_end_the_others(
    code: str, limit: float, status: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "MODULE", ["-c", code])
    code_of = command.main(["--out", str(tmp_path / "out"), "--limit", str(limit + 15.0)])
    sections = json.loads((tmp_path / "out" / "results.json").read_text())["sections"]
    assert set(sections) == {section.name for section in SECTIONS}
    assert {outcome["status"] for outcome in sections.values()} >= {status}
    assert code_of == int(status != "done")
