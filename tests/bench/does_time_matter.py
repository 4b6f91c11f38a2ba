"""Does time matter? Heads on drifting digits labelled by direction, which no single frame tells.

Run with ``python -m tests.bench.does_time_matter [--heads single lrcn ...] [--seeds 3] [--quick]``.
It writes footage of one digit that drifts in one of eight directions and wraps around, positions
uniform at every frame, glyph images of training and test apart; computes its flow; and trains
each head from random weights through `selfvid.finetune`:

========  ===================================================================================
single    the same network on every frame, votes averaged: order and motion are out of reach
lrcn      an LSTM on its frame vectors
gru_rcn   a ConvGRU on its maps
temporal  stacks of flow in place of pixels
========  ===================================================================================

One table: accuracy of each seed, with chance at 12.5 %.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.sampling import EvenClips, RandomClips
from selfvid.data.digits.files import write_footage
from selfvid.data.flow.command import compute_flow
from selfvid.data.indexing.command import index
from selfvid.encoders.base import Encoder
from selfvid.encoders.flow_input import FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.finetuning.command import finetune
from selfvid.finetuning.result import FinetuneResult
from selfvid.heads.average import Average
from selfvid.heads.gru_rcn import GRURCN
from selfvid.heads.lrcn import LRCN
from selfvid.training.schedule import Training

SIZE, FRAMES, FIELDS = 32, 8, 5


def pixels() -> Encoder:
    """Frames to maps of 16x16 and 8x8 places, and to a vector that keeps the places."""
    net = SmallNet(channels=1, stages=(16, 32), norm="batch", grid=8)
    return FrameEncoder(net)


def fields() -> Encoder:
    """Stacks of flow to a vector; the mean is kept, being the very motion that is asked for."""
    net = SmallNet(channels=2 * FIELDS, stages=(16, 32), norm="batch")
    return FrameEncoder(net, input=FlowStack(FIELDS, subtract_mean=False))


HEADS: dict[str, tuple[Callable[[], Encoder], Any]] = {
    "single": (pixels, Average),
    "lrcn": (pixels, partial(LRCN, hidden=128, dropout_before=0.0, dropout_after=0.5, bound=None)),
    "gru_rcn": (pixels, partial(GRURCN, levels=[1], vector=False, hidden=[32], dropout=0.2)),
    "temporal": (fields, Average),
}


def write(folder: Path, *, videos: int) -> tuple[Path, Path]:
    """Manifest and flow of the footage."""
    table = write_footage(folder / "footage", videos=videos, frames=FRAMES, size=64, seed=1)
    manifest = folder / "footage.csv"
    index(table, out=manifest, near_duplicates=False, quiet=True)
    compute_flow(manifest, out=folder / "flow", size=SIZE, quiet=True)
    return manifest, folder / "flow"


def run(
    name: str, manifest: Path, flow: Path, out: Path, *, steps: int, seed: int
) -> FinetuneResult:
    """Train and test one head."""
    network, head = HEADS[name]
    on_flow = name == "temporal"
    length = FIELDS if on_flow else FRAMES
    torch.manual_seed(seed)
    return finetune(
        manifest,
        out,
        encoder=network(),
        head=head,
        label="direction",
        clips=RandomClips(frames=length),
        views=EvenClips(frames=length, clips=2 if on_flow else 1),
        size=SIZE,
        flow=flow if on_flow else None,
        decoded=None if on_flow else manifest.parent / "frames",
        training=Training(steps=steps, batch=32, rate=2e-3, weight_decay=0.01, warmup=steps // 20),
        seed=seed,
        quiet=True,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each head."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", nargs="+", choices=HEADS, default=list(HEADS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--videos", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--quick", action="store_true", help="a smoke test: tells nothing")
    given = parser.parse_args(arguments)
    if given.quick:
        given.seeds, given.videos, given.steps = 1, 32, 2
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        manifest, flow = write(folder, videos=given.videos)
        for name in given.heads:
            began = time.perf_counter()
            found = [
                100
                * run(
                    name, manifest, flow, folder / f"{name}-{seed}", steps=given.steps, seed=seed
                ).accuracy.mean
                for seed in range(given.seeds)
            ]
            each = " ".join(f"{accuracy:.1f}" for accuracy in found)
            seconds = (time.perf_counter() - began) / given.seeds
            print(
                f"{name:9} {statistics.mean(found):5.1f} % ({each}), {seconds:.0f} s each",
                flush=True,
            )


if __name__ == "__main__":
    main()
