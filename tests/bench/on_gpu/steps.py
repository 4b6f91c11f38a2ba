"""Training steps of the published sizes, eager and compiled: forward, backward and optimiser."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from jsonargparse import ArgumentParser

from selfvid.compute import autocast
from selfvid.data.digits.stream import DigitStream
from selfvid.objectives.base import Objective
from selfvid.training.compiled import compile_module
from selfvid.training.schedule import Training, make_optimiser
from tests.bench.on_gpu.training import RECIPES, Published

Step = Callable[[], None]


def time_steps(
    recipes: Sequence[Published], device: torch.device, *, mnist: str, quick: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield milliseconds of an eager and of a compiled step, and the seconds of compiling."""
    for published in recipes:
        torch.manual_seed(0)
        objective, digits, training = _parts(published, mnist=mnist, quick=quick)
        once = _step(objective.to(device), digits, training, device)
        eager = _milliseconds(once, device, times=2 if quick else 20)
        compile_module(objective, training, device)
        began = time.perf_counter()
        for _ in range(3):  # compiles, records, replays
            once()
        compiling = time.perf_counter() - began
        compiled = _milliseconds(once, device, times=2 if quick else 50)
        found = {
            "eager_milliseconds": round(eager, 2),
            "compiled_milliseconds": round(compiled, 2),
            "times_as_fast": round(eager / compiled, 2),
            "compiling_seconds": round(compiling, 1),
        }
        print(published.recipe, found, flush=True)
        yield published.recipe, found


def _parts(
    published: Published, *, mnist: str, quick: bool
) -> tuple[Objective, DigitStream, Training]:
    """Return what the recipe describes."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_argument("--data", type=DigitStream)
    parser.add_argument("--objective", type=Objective)
    parser.add_argument("--training", type=Training)
    options = ["--config", str(RECIPES / f"{published.recipe}.yaml"), "--data.source", mnist]
    if quick:
        options += ["--training.batch", "2", "--training.warmup", "0", *published.tiny]
    read = parser.instantiate(parser.parse_args(options))
    read.objective.begin()
    return read.objective.train(), read.data, replace(read.training, compiled=True)


def _step(
    objective: Objective, digits: DigitStream, training: Training, device: torch.device
) -> Step:
    """Return a training step on new digits, ready to be called again and again."""
    optimiser = make_optimiser(objective, training)
    drawn = iter(range(10**9))

    def once() -> None:
        clip = digits.batch(next(drawn), clips=training.batch, device=device).rgb()
        with autocast("auto", device):
            loss = objective(clip).total
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return once


def _milliseconds(once: Step, device: torch.device, *, times: int) -> float:
    """Return the median time of a step, the device's work included."""
    taken = []
    for _ in range(times + 2):
        began = time.perf_counter()
        once()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - began)
    return 1e3 * statistics.median(taken[2:])
