"""Training passes of our recurrent layers against the plain ones, in turn and in one process.

Run with ``python -m tests.bench.bench_recurrent [maps|vectors]``. The plain ConvLSTM is the cell
found everywhere: inputs and output concatenated, one convolution per step. The plain LSTM is
`torch.nn.LSTM`. A pass is forward and backward, gradient of the inputs included. Every round
times all sides once, in changing order; ratios are medians over rounds of times of one round.
On a machine that others use, ``--threads 1`` counts processor time instead of the clock.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from selfvid.recurrent import ConvLSTM, PeepholeLSTM

Pass = Callable[[], None]
SIDE = 4096  # of the matrices whose product tells the machine's rate


class PlainConvLSTM(nn.Module):
    """Concatenate, convolve, split: (B, T, C, H, W) to (B, T, D, H, W)."""

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.conv = nn.Conv2d(inputs + hidden, 4 * hidden, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[0], self.hidden, *x.shape[3:])
        c = torch.zeros_like(h)
        outputs = []
        for step in range(x.shape[1]):
            gates = self.conv(torch.cat((x[:, step], h), dim=1))
            i, f, g, o = gates.chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs, dim=1)


@dataclass(frozen=True)
class Maps:
    """One size of convolutional layer."""

    batch: int = 8
    steps: int = 10
    channels: int = 64
    kernel: int = 5
    size: int = 32

    @property
    def x(self) -> Tensor:
        return torch.randn(self.batch, self.steps, self.channels, self.size, self.size)

    @property
    def operations(self) -> float:
        """Of one pass; the first recurrent product is with zeros and not counted."""
        products = (2 * self.steps - 1) * 4 * self.channels**2 * self.kernel**2
        return 3 * 2 * products * self.batch * self.size**2


@dataclass(frozen=True)
class Vectors:
    """One size of fully connected layer."""

    batch: int = 80
    steps: int = 10
    inputs: int = 4096
    hidden: int = 2048

    @property
    def x(self) -> Tensor:
        return torch.randn(self.batch, self.steps, self.inputs)

    @property
    def operations(self) -> float:
        """Of one pass; the first recurrent product is with zeros and not counted."""
        products = self.steps * self.inputs + (self.steps - 1) * self.hidden
        return 3 * 2 * self.batch * 4 * self.hidden * products


def training_pass(
    layer: nn.Module,
    x: Tensor,
    hidden: int,
    device: torch.device,
    *,
    bf16: bool,
    compiled: bool = False,
    graphs: bool = False,
) -> Pass:
    """Forward and backward of `layer`, ready to be called again and again.

    With `graphs` the compiled layer is recorded once as CUDA graphs, which are then replayed.
    """
    layer, x = layer.to(device), x.to(device).requires_grad_()
    if compiled:
        layer.compile(mode="reduce-overhead" if graphs else None)

    gradient = torch.randn(*x.shape[:2], hidden, *x.shape[3:], device=device)

    def once() -> None:
        layer.zero_grad(set_to_none=True)
        x.grad = None
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            out = layer(x)
            outputs = out[0] if isinstance(out, tuple) else out
        outputs.backward(gradient.to(outputs.dtype))

    return once


def seconds(once: Pass, device: torch.device) -> float:
    """Time of one call, the device's work included.

    One thread is timed by the processor time it had, which other programs do not change.
    """
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    start = clock()
    once()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - start


def product_pass(device: torch.device) -> Pass:
    """One bfloat16 product of square matrices."""
    a, b = (torch.randn(SIDE, SIDE, device=device).bfloat16() for _ in range(2))

    def once() -> None:
        torch.mm(a, b)

    return once


def in_turn(sides: dict[str, Pass], device: torch.device, rounds: int) -> dict[str, list[float]]:
    """Seconds of every side in every round; the first side moves back by one each round."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for once in sides.values():
        once()  # compiles, and warms up
        once()
    names = list(sides)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(seconds(sides[name], device))
    return times


def ratio(times: dict[str, list[float]], slow: str, fast: str) -> float:
    """How many times as fast `fast` is as `slow`: median over rounds."""
    return statistics.median(s / f for s, f in zip(times[slow], times[fast], strict=True))


def report(what: str, times: dict[str, list[float]], operations: float, pairs: list[str]) -> None:
    """Print milliseconds, share of the matrix-product rate, and the ratios of `pairs`."""
    print(what)
    rate = 2 * SIDE**3 / statistics.median(times["product"])
    for name, each in times.items():
        if name == "product":
            continue
        middle = statistics.median(each)
        share = operations / middle / rate
        print(f"  {name:22} {1e3 * middle:8.1f} ms  {share:5.0%} of {rate / 1e9:.0f} GFLOP/s")
    for pair in pairs:
        fast, slow = pair.split(" / ")
        print(f"  {fast} is {ratio(times, slow, fast):.2f} times as fast as {slow}", flush=True)


def compare_maps(size: Maps, device: torch.device, rounds: int) -> dict[str, list[float]]:
    """Times of all convolutional sides at one size, printed and returned."""
    x, width = size.x, size.channels

    def side(ours: bool, bf16: bool, compiled: bool = False, graphs: bool = False) -> Pass:
        layer = (
            ConvLSTM(width, width, kernel=size.kernel)
            if ours
            else PlainConvLSTM(width, width, size.kernel)
        )
        return training_pass(
            layer, x.clone(), width, device, bf16=bf16, compiled=compiled, graphs=graphs
        )

    sides = {
        "product": product_pass(device),
        "plain float32": side(False, False),
        "plain bf16": side(False, True),
        "plain bf16 compiled": side(False, True, True),
        "ours float32": side(True, False),
        "ours bf16": side(True, True),
        "ours bf16 compiled": side(True, True, True),
    }
    if device.type == "cuda":
        sides["ours bf16 graphs"] = side(True, True, True, True)
    times = in_turn(sides, device, rounds)
    pairs = [
        "ours float32 / plain float32",
        "ours bf16 / plain float32",
        "ours bf16 / plain bf16",
        "ours bf16 compiled / plain float32",
        "ours bf16 compiled / plain bf16",
        "ours bf16 compiled / plain bf16 compiled",
    ]
    report(f"ConvLSTM, {size}", times, size.operations, pairs)
    return times


def compare_vectors(size: Vectors, device: torch.device, rounds: int) -> dict[str, list[float]]:
    """Times of all fully connected sides, printed and returned."""
    x = size.x

    def ours(compiled: bool) -> Pass:
        layer = PeepholeLSTM(size.inputs, size.hidden)
        return training_pass(layer, x.clone(), size.hidden, device, bf16=True, compiled=compiled)

    plain = nn.LSTM(size.inputs, size.hidden, batch_first=True)
    sides = {
        "product": product_pass(device),
        "nn.LSTM bf16": training_pass(plain, x.clone(), size.hidden, device, bf16=True),
        "ours bf16": ours(False),
        "ours bf16 compiled": ours(True),
    }
    times = in_turn(sides, device, rounds)
    pairs = ["ours bf16 / nn.LSTM bf16", "ours bf16 compiled / nn.LSTM bf16"]
    report(f"PeepholeLSTM, {size}", times, size.operations, pairs)
    return times


def main() -> None:
    """Print times, shares and ratios at the sizes that count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=["maps", "vectors", "all"], default="all")
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    device = torch.device(chosen.device)
    for size in chosen.sizes if chosen.what != "vectors" else []:
        compare_maps(Maps(size=size), device, chosen.rounds)
    if chosen.what != "maps":
        compare_vectors(Vectors(), device, chosen.rounds)


if __name__ == "__main__":
    main()
