"""The sections in the order of their worth, and how one of them is run: its figures become JSON."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests.bench import bench_conv3d, bench_gru_rcn, bench_recurrent
from tests.bench.on_gpu.feeding import feeding
from tests.bench.on_gpu.steps import time_steps
from tests.bench.on_gpu.training import RUNS, train_all

TESTS = Path(__file__).parents[2]
Figures = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """What a section is given.

    Attributes:
        limit: seconds that it may take.
        runs: folder of the runs that are continued.
        recipes: the runs to continue.
        mnist: folder with MNIST's idx files, or "sklearn".
        quick: take tiny sizes, to try the section on a CPU.
        device: the device to measure.
    """

    limit: float
    runs: Path
    recipes: tuple[str, ...]
    mnist: str
    quick: bool
    device: torch.device

    @property
    def rounds(self) -> int:
        """How often each side of a comparison is timed."""
        return 2 if self.quick else 15


@dataclass(frozen=True)
class Section:
    """One thing to measure, in `limit` seconds at most; it yields figures by name, one by one."""

    name: str
    limit: float
    measure: Callable[[Task], Iterator[tuple[str, Figures]]]


def gpu_tests(task: Task) -> Iterator[tuple[str, Figures]]:
    """Run the tests that need a GPU."""
    files = [path for path in sorted(TESTS.rglob("test_*.py")) if "mark.gpu" in path.read_text()]
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider"]
    chosen = files[:1] if task.quick else files
    ended = subprocess.run([*command, *chosen], capture_output=True, text=True, check=False)
    print(ended.stdout, ended.stderr)
    if ended.returncode:
        raise SystemExit(ended.returncode)
    yield "pytest", {"summary": ended.stdout.strip().splitlines()[-1]}


def vectors(task: Task) -> Iterator[tuple[str, Figures]]:
    """The LSTM with peepholes against PyTorch's."""
    size = bench_recurrent.Vectors()
    if task.quick:
        size = bench_recurrent.Vectors(batch=2, steps=2, inputs=3, hidden=4)
    times = bench_recurrent.compare_vectors(size, task.device, task.rounds)
    yield str(size), _medians(times, "nn.LSTM bf16")


def maps(task: Task) -> Iterator[tuple[str, Figures]]:
    """ConvLSTM against the plain cell."""
    sizes = [bench_recurrent.Maps(size=size) for size in (32, 16, 64)]
    if task.quick:
        sizes = [bench_recurrent.Maps(batch=1, steps=2, channels=2, size=4)]
    for size in sizes:
        times = bench_recurrent.compare_maps(size, task.device, task.rounds)
        yield str(size), _medians(times, "plain bf16")


def heads(task: Task) -> Iterator[tuple[str, Figures]]:
    """The GRU-RCN head and 3-D networks against plain ones."""
    for name, size in (bench_gru_rcn.QUICK if task.quick else bench_gru_rcn.SIZES).items():
        ratio = bench_gru_rcn.compare(name, size, task.device, task.rounds)
        yield f"GRU-RCN, {name}", {"times_as_fast": ratio}
    for case in bench_conv3d.SMALL[1:] if task.quick else bench_conv3d.PUBLISHED:
        times = bench_conv3d.compare(case, task.device, task.rounds)
        yield case.name, _medians(times, "plain float32")


def loading(task: Task) -> Iterator[tuple[str, Figures]]:
    """What the loader delivers against what the device computes."""
    yield from feeding(task.device, quick=task.quick)


def steps(task: Task) -> Iterator[tuple[str, Figures]]:
    """Training steps of the published sizes, eager and compiled."""
    chosen = [published for published in RUNS if published.recipe in task.recipes]
    yield from time_steps(chosen, task.device, mnist=task.mnist, quick=task.quick)


def training(task: Task) -> Iterator[tuple[str, Figures]]:
    """The published sizes on Moving MNIST, for as long as is left."""
    yield from train_all(
        task.runs, task.recipes, mnist=task.mnist, seconds=task.limit, quick=task.quick
    )


SECTIONS = (
    Section("tests", 90.0, gpu_tests),
    Section("vectors", 60.0, vectors),
    Section("maps", 120.0, maps),
    Section("heads", 50.0, heads),
    Section("steps", 150.0, steps),
    Section("loading", 70.0, loading),
    Section("training", 600.0, training),
)


def _medians(times: dict[str, list[float]], plain: str) -> Figures:
    """Return milliseconds of each side, and how many times as fast as `plain` it is."""
    return {
        name: {
            "milliseconds": round(1e3 * sorted(each)[len(each) // 2], 3),
            "times_as_fast": round(bench_recurrent.ratio(times, plain, name), 3),
        }
        for name, each in times.items()
    }


def main() -> None:
    """Run one section and write its figures, again after each of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", choices=[section.name for section in SECTIONS])
    parser.add_argument("--figures", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--recipes", nargs="+", required=True)
    parser.add_argument("--mnist", required=True)
    parser.add_argument("--limit", type=float, required=True)
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    task = Task(
        limit=chosen.limit,
        runs=chosen.runs,
        recipes=tuple(chosen.recipes),
        mnist=chosen.mnist,
        quick=chosen.quick,
        device=device,
    )
    (section,) = (each for each in SECTIONS if each.name == chosen.section)
    found: Figures = {}
    for name, figures in section.measure(task):
        found[name] = figures
        chosen.figures.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
