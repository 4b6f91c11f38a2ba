"""Bouncing digits: sequences per second of the batch against loops over sequences.

Run as ``python -m tests.bench.bench_digits``. All sides make the same bytes from the same starts,
in turn, in one process, several batches a turn (the first of them finds the cache full of another
side's frames); the median turn counts. One loop is the one found everywhere, the authors' own
(bounces and glyphs in Python, one at a time), the other the leanest that we could write in numpy.
Loops use one core, so the batch does too unless --threads says otherwise. Beside them stands how
fast the machine copies such frames once: the batch copies them once per digit and compares.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from selfvid.data.digits.glyphs import load_glyphs
from selfvid.data.digits.moving_digits import bounce, generator_for, throws
from tests.reference import moving_digits as reference

FRAMES, CANVAS, DIGITS = 20, 64, 2


def compare(batch: int, device: str, *, turns: int, batches: int) -> None:
    """Print the rate of each side and its ratio to ours; fail where any pixel differs."""
    glyphs = load_glyphs("sklearn", split="train")
    generator = generator_for(0)
    chosen = torch.randint(len(glyphs), (batch, DIGITS), generator=generator)
    starts, velocities = throws((batch, DIGITS), step=0.1, generator=generator)
    there, which = glyphs.to(device), chosen.to(device)
    images = glyphs.images[chosen].numpy()

    def ours() -> torch.Tensor:
        made = bounce(
            there, which, starts=starts, velocities=velocities, frames=FRAMES, canvas=CANVAS
        )
        if device != "cpu":
            torch.cuda.synchronize()
        return made.frames

    def lean() -> torch.Tensor:
        rows = zip(images, starts.numpy(), velocities.numpy(), strict=True)
        made = [reference.bounce(*row, frames=FRAMES, canvas=CANVAS) for row in rows]
        return torch.from_numpy(np.stack(made))

    def authors() -> torch.Tensor:
        places = starts.numpy(), velocities.numpy()
        return torch.from_numpy(reference.bounce_all(images, *places, frames=FRAMES, canvas=CANVAS))

    frames = ours()
    copied = torch.empty_like(frames)

    def copy() -> torch.Tensor:
        copied.copy_(frames)
        if device != "cpu":
            torch.cuda.synchronize()
        return copied

    sides = {"batch": ours, "authors' loop": authors, "lean loop": lean, "copy": copy}
    if any(
        not torch.equal(frames.cpu().flatten(), side().cpu().flatten()) for side in sides.values()
    ):
        raise SystemExit("the sides made different sequences")
    seconds = [[_seconds(side, batches) for side in sides.values()] for _ in range(turns)]
    rates = {
        name: batch * batches / statistics.median(side)
        for name, side in zip(sides, zip(*seconds, strict=True), strict=True)
    }
    for name, rate in rates.items():
        ours_to_it = "" if name == "batch" else f"  (batch is {rates['batch'] / rate:.2f} times)"
        print(f"{name:>14}: {rate:8.0f} sequences/s{ours_to_it}")


def _seconds(side: Callable[[], torch.Tensor], batches: int) -> float:
    began = time.perf_counter()
    for _ in range(batches):
        side()
    return time.perf_counter() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--batches", type=int, default=5, help="in a turn")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    compare(arguments.batch, arguments.device, turns=arguments.turns, batches=arguments.batches)
