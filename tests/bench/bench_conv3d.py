"""Training passes of slow fusion and C3D as they run here, against plain float32.

Run with ``python -m tests.bench.bench_conv3d [--quick]``. The plain side has float32, maps laid
out channel by channel, and `torch.nn.LocalResponseNorm`; ours has what ``precision: auto`` is on
the machine, channels innermost, and `ResponseNorm`. A pass is forward and backward. Every round
times all sides once, in changing order; ratios are medians over rounds of times of one round. On a
machine that others use, ``--threads 1`` counts processor time instead of the clock.
"""

from __future__ import annotations

import argparse
import copy
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from selfvid.backbones.base import ClipBackbone
from selfvid.backbones.c3d import C3D
from selfvid.backbones.karpathy import SlowFusion
from selfvid.backbones.layered import ResponseNorm
from selfvid.compute import Precision, autocast
from tests.bench.bench_recurrent import Pass, in_turn, ratio


@dataclass(frozen=True)
class Case:
    """One network and the clips it is trained on."""

    name: str
    make: Callable[[], ClipBackbone]
    batch: int
    side: int

    def clips(self, frames: int) -> Tensor:
        return torch.randn(self.batch, 3, frames, self.side, self.side)


PUBLISHED = (
    Case("slow fusion, published", SlowFusion, 16, 170),
    Case("C3D, published", C3D, 2, 112),
)
SMALL = (
    Case("slow fusion, small", lambda: SlowFusion("small"), 16, 64),
    Case("C3D, small, batch norm", lambda: C3D(size="small", norm="batch"), 16, 64),
)


def plain(network: ClipBackbone) -> ClipBackbone:
    """A copy as one would write it without thought for speed."""
    same = copy.deepcopy(network)
    for name, layer in list(same.named_modules()):
        if isinstance(layer, ResponseNorm):
            norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.5, k=2.0)
            same.set_submodule(name, norm)
    return same


def innermost(tensor: Tensor) -> Tensor:
    return tensor.contiguous(memory_format=torch.channels_last_3d)


def training_pass(network: ClipBackbone, clips: Tensor, device: torch.device, auto: bool) -> Pass:
    """Forward and backward, ready to be called again and again."""
    precision: Precision = "auto" if auto else "float32"

    def once() -> None:
        network.zero_grad(set_to_none=True)
        with autocast(precision, device):
            vector = network(clips).vector
        vector.float().square().mean().backward()

    return once


def compare(case: Case, device: torch.device, rounds: int) -> dict[str, list[float]]:
    """Times of all sides, printed and returned."""
    network = case.make().to(device)
    clips = case.clips(network.frames).to(device)
    laid_out = copy.deepcopy(network).to(memory_format=torch.channels_last_3d)
    sides = {
        "plain float32": training_pass(plain(network), clips, device, auto=False),
        "ours float32": training_pass(laid_out, innermost(clips), device, auto=False),
        "plain auto": training_pass(plain(network), clips, device, auto=True),
        "ours auto": training_pass(laid_out, innermost(clips), device, auto=True),
    }
    times = in_turn(sides, device, rounds)
    print(f"{case.name}, {case.batch} clips of {network.frames}x{case.side}x{case.side}")
    for name, each in times.items():
        faster = ratio(times, "plain float32", name)
        print(f"  {name:14} {1e3 * statistics.median(each):8.1f} ms  {faster:.2f} times as fast")
    return times


def main() -> None:
    """Print times and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the small networks only")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    for case in SMALL if chosen.quick else (*SMALL, *PUBLISHED):
        compare(case, torch.device(chosen.device), chosen.rounds)


if __name__ == "__main__":
    main()
