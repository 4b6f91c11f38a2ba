"""Bouncing digits: sequences per second of the batch against a loop over sequences.

Run as ``python -m tests.bench.bench_digits``. Both sides make the same sequences from the same
starts, in turn, in one process; the best of several rounds counts on each side. The loop uses
one core, so the batch does too unless --threads says otherwise.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from selfvid.data.digits import load_glyphs
from selfvid.data.moving_digits import bounce, generator_for, throws
from tests.reference import moving_digits as reference

FRAMES, CANVAS, DIGITS = 20, 64, 2


def compare(batch: int, device: str, rounds: int) -> None:
    """Print the rates of both sides and their ratio; fail where they differ in any pixel."""
    glyphs = load_glyphs("sklearn", split="train")
    generator = generator_for(0)
    chosen = torch.randint(len(glyphs), (batch, DIGITS), generator=generator)
    starts, velocities = throws((batch, DIGITS), step=0.1, generator=generator)
    on_device = glyphs.to(device), chosen.to(device), starts.to(device), velocities.to(device)
    images = glyphs.images[chosen].numpy()

    def ours() -> torch.Tensor:
        there, which, begin, speed = on_device
        made = bounce(there, which, starts=begin, velocities=speed, frames=FRAMES, canvas=CANVAS)
        if device != "cpu":
            torch.cuda.synchronize()
        return made.frames

    def loop() -> torch.Tensor:
        rows = zip(images, starts.numpy(), velocities.numpy(), strict=True)
        made = [reference.bounce(*row, frames=FRAMES, canvas=CANVAS) for row in rows]
        return torch.from_numpy(np.stack(made))

    if not torch.equal(ours().cpu()[:, :, 0], loop()):
        raise SystemExit("the two sides made different sequences")
    seconds = [(_seconds(ours), _seconds(loop)) for _ in range(rounds)]
    fast, slow = (batch / min(side) for side in zip(*seconds, strict=True))
    print(f"batch on {device}: {fast:.0f} sequences/s")
    print(f"loop over sequences: {slow:.0f} sequences/s")
    print(f"ratio: {fast / slow:.1f}")


def _seconds(side: Callable[[], torch.Tensor]) -> float:
    began = time.perf_counter()
    side()
    return time.perf_counter() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    compare(arguments.batch, arguments.device, arguments.rounds)
