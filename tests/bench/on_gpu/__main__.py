"""Run the sections one after the other, each in its own process, and gather what they leave."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.training.run_folder import surroundings
from tests.bench.on_gpu.packing import pack, unpack
from tests.bench.on_gpu.sections import SECTIONS, Section
from tests.bench.on_gpu.training import RUNS

LIMIT = 525.0  # seconds of the whole command: nine minutes with a margin
MODULE = ["-m", "tests.bench.on_gpu.sections"]  # what runs a section
PACKING = 15.0  # seconds that are kept free at the end
LOG_TAIL = 4000  # characters of a section's output in the results
PATIENCE = 20.0  # seconds that a section has to end after its limit


@dataclass(frozen=True)
class Outcome:
    """How a section ended.

    Attributes:
        status: "done", "failed" or "out of time".
        seconds: how long it ran.
        figures: what it measured; None if it left nothing.
        output: the end of what it printed.
    """

    status: str
    seconds: float
    figures: dict[str, Any] | None
    output: str


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen sections; the exit code is 1 if one of them failed."""
    chosen = _parser().parse_args(arguments)
    ends = time.monotonic() + chosen.limit
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.packed is not None:
        unpack(chosen.packed, into=chosen.runs)
    results: dict[str, Any] = {"surroundings": surroundings(), "sections": {}}
    for section in SECTIONS:
        if section.name not in chosen.sections:
            continue
        left = ends - PACKING - time.monotonic()
        outcome = run(section, chosen, limit=min(section.limit, left))
        results["sections"][section.name] = vars(outcome)
        print(f"{section.name}: {outcome.status} in {outcome.seconds:.0f} s", flush=True)
        # Written after every section: whatever ends this process, the earlier ones are kept.
        (chosen.out / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    if chosen.runs.is_dir():
        results["left_behind"] = pack(chosen.runs, into=chosen.out)
        (chosen.out / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    return int(any(each["status"] != "done" for each in results["sections"].values()))


def run(section: Section, chosen: argparse.Namespace, *, limit: float) -> Outcome:
    """Run one section in a process of its own, for at most `limit` seconds."""
    began = time.monotonic()
    if limit <= 0:
        return Outcome("out of time", 0.0, None, "")
    figures = chosen.out / f".{section.name}.json"
    log = chosen.out / f".{section.name}.log"
    command = [sys.executable, *MODULE, section.name]
    command += ["--figures", str(figures), "--runs", str(chosen.runs), "--limit", str(limit)]
    command += [
        "--recipes",
        *chosen.recipes,
        "--mnist",
        chosen.mnist,
        *(["--quick"] if chosen.quick else []),
    ]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
        status = _wait(process, limit)
    outcome = Outcome(
        status,
        round(time.monotonic() - began, 1),
        json.loads(figures.read_text()) if figures.is_file() else None,
        log.read_text(errors="replace")[-LOG_TAIL:],
    )
    figures.unlink(missing_ok=True)
    log.unlink()
    return outcome


def _wait(process: subprocess.Popen[bytes], limit: float) -> str:
    """Wait for a section; after its limit it is asked to end, and then killed with its children."""
    try:
        return "done" if process.wait(limit) == 0 else "failed"
    except subprocess.TimeoutExpired:
        pass
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(PATIENCE)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    return "out of time"


def _parser() -> argparse.ArgumentParser:
    names = [section.name for section in SECTIONS]
    parser = argparse.ArgumentParser("python -m tests.bench.on_gpu", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="results and packed runs")
    parser.add_argument("--mnist", default="sklearn", help="folder with MNIST's four idx files")
    parser.add_argument("--runs", type=Path, default=Path("runs/on_gpu"), help="folder of the runs")
    parser.add_argument("--packed", type=Path, help="OUT of the last time: its runs are continued")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds of all sections")
    parser.add_argument("--sections", nargs="+", choices=names, default=names)
    recipes = [published.recipe for published in RUNS]
    parser.add_argument("--recipes", nargs="+", choices=recipes, default=recipes)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try it on a CPU")
    return parser


if __name__ == "__main__":
    sys.exit(main())
