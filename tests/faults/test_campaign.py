from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.faults.__main__ import sample, spread
from tests.faults.campaign import results
from tests.faults.scenarios import SCENARIOS, Scenario

ROOT = Path(__file__).parents[2]
WORDS = """
import os, sys
from pathlib import Path
from tests.faults.interruption import Interruption
seen = Interruption(Path.cwd(), int(sys.argv[1]), sys.argv[2])
seen.begin()
Path("a").mkdir()
Path("a/b").write_text("1")
Path("a/b").read_text()
Path("a/b").rename("a/c")
print(seen.changes)
"""


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="commands run in forked processes")
def test_interrupted_commands_say_what_to_do_and_then_leave_the_same_results() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--sample"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"0 of {len(SCENARIOS)} interruptions left another result" in ended.stdout


def interrupted(folder: Path, at: int, fault: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WORDS, str(at), fault],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_interruption_comes_before_the_change_of_that_number(tmp_path: Path) -> None:
    for fault in ("kill", "full"):
        (tmp_path / fault).mkdir()
        ended = interrupted(tmp_path / fault, 2, fault)
        assert ended.returncode == (-9 if fault == "kill" else 1)
        assert [path.name for path in (tmp_path / fault).rglob("*")] == ["a"]
    assert "No space left" in ended.stderr
    (tmp_path / "whole").mkdir()
    ended = interrupted(tmp_path / "whole", 0, "kill")
    assert ended.stdout.strip() == "['os.mkdir a', 'open a/b', 'os.rename a/b']"


def test_results_are_told_apart_by_what_they_say_and_not_by_their_times(tmp_path: Path) -> None:
    run = tmp_path / "run"
    scenario = Scenario((), ("run", "d.csv"))

    def written(weight: float, seconds: float, label: str) -> dict[str, str]:
        run.mkdir(exist_ok=True)
        save_file({"weight": torch.tensor([weight])}, run / "model.safetensors")
        (run / "result.json").write_text(json.dumps({"seconds": seconds, "label": label}))
        (tmp_path / "d.csv").write_text("path\n")
        return results(tmp_path, scenario)

    first = written(1.0, 2.0, "a")
    assert set(first) == {"run/model.safetensors", "run/result.json", "d.csv"}
    assert written(1.0, 3.0, "a") == first
    for other in (written(1.5, 2.0, "a"), written(1.0, 2.0, "b")):
        assert len([name for name in first if first[name] != other[name]]) == 1


def test_operations_are_spread_from_the_first_to_the_last() -> None:
    assert spread(3, 9) == [1, 2, 3]
    assert spread(101, 3) == [1, 51, 101]
    assert spread(40, 1) == [1]
    drawn = [sample(name, 50) for name in SCENARIOS]
    assert {fault for fault, _ in drawn} == {"kill", "signal", "full"}
    assert len({at for _, at in drawn}) == 5
    assert {at for _, at in (sample(name, 2) for name in SCENARIOS)} == {1, 2}
