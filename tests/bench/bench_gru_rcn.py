"""Training passes of our GRU-RCN head against a plain one, in turn and in one process.

Run with ``python -m tests.bench.bench_gru_rcn``. The plain head is what everyone writes first: at
every level and step input and state are concatenated and convolved, in float32. A pass is forward,
loss and backward from maps that are given, as a frozen encoder leaves them. Before anything is
timed both heads have the same weights and must say the same. Every round times all sides once, in
changing order; ratios are medians over rounds of times of one round. On a machine that others
use, ``--threads 1`` counts processor time instead of the clock.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.compute import autocast, resolve_precision
from selfvid.heads.gru_rcn import GRURCN
from selfvid.recurrent import ConvGRUCell, Recurrent
from selfvid.types import Features, Widths
from tests.bench.bench_recurrent import Pass, in_turn, ratio

CLASSES = 10


class PlainGRU(nn.Module):
    """The last state (B, D, H, W) of a ConvGRU along maps (B, T, C, H, W), step by step."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.gates = nn.Conv2d(inputs + hidden, 2 * hidden, 3, padding=1)
        self.candidate = nn.Conv2d(inputs + hidden, hidden, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        h = maps.new_zeros(maps.shape[0], self.hidden, *maps.shape[3:])
        for step in range(maps.shape[1]):
            x = maps[:, step]
            z, r = self.gates(torch.cat((x, h), 1)).sigmoid().chunk(2, 1)
            g = self.candidate(torch.cat((x, r * h), 1)).tanh()
            h = (1 - z) * h + z * g
        return h


class PlainGRURCN(nn.Module):
    """A GRU and a classifier for each level; the logarithm (B, K) of their mean probability."""

    def __init__(self, channels: tuple[int, ...], hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.grus = nn.ModuleList(map(PlainGRU, channels, hidden))
        self.last = nn.ModuleList(nn.Linear(width, CLASSES) for width in hidden)

    def forward(self, maps: tuple[Tensor, ...]) -> Tensor:
        said = [
            last(gru(level).mean((2, 3))).softmax(1)
            for gru, last, level in zip(self.grus, self.last, maps, strict=True)
        ]
        return torch.stack(said).mean(0).log()


@dataclass(frozen=True)
class Size:
    """Maps of an encoder, and the states on them.

    Attributes:
        channels: of each level, from fine to coarse.
        sides: H and W of each level.
        hidden: channels of each level's state.
        steps: T.
        batch: B.
    """

    channels: tuple[int, ...]
    sides: tuple[int, ...]
    hidden: tuple[int, ...]
    steps: int
    batch: int

    @property
    def features(self) -> Features:
        maps = tuple(
            torch.randn(self.batch, self.steps, width, side, side)
            for width, side in zip(self.channels, self.sides, strict=True)
        )
        return Features(clip=torch.zeros(self.batch, 1), maps=maps)

    @property
    def operations(self) -> float:
        """Of one pass: products with what needs no gradient are made twice, others thrice.

        The first recurrent products are with zeros and not counted.
        """
        total = 0.0
        for width, side, state in zip(self.channels, self.sides, self.hidden, strict=True):
            inputs, recurrent = 2 * self.steps * width, 3 * (self.steps - 1) * state
            total += 2 * 9 * 3 * state * (inputs + recurrent) * side**2 * self.batch
            total += 3 * 2 * state * CLASSES * self.batch
        return total


SIZES = {
    "VGG-16 at 224, pool2 to pool5": Size(
        (128, 256, 512, 512), (56, 28, 14, 7), (64, 128, 256, 256), steps=10, batch=2
    ),
    "UT-Interaction at 64": Size((64, 128, 256), (16, 8, 4), (16, 32, 64), steps=8, batch=16),
}
QUICK = {"quick": Size((8, 16), (8, 4), (4, 8), steps=3, batch=2)}


def same_heads(size: Size) -> tuple[GRURCN, PlainGRURCN]:
    """Ours and the plain head, with the same weights."""
    widths = Widths(clip=1, maps=size.channels)
    ours = GRURCN(widths, CLASSES, hidden=size.hidden, vector=False, dropout=0.0)
    plain = PlainGRURCN(size.channels, size.hidden)
    plain.last.load_state_dict(ours.last.state_dict())
    with torch.no_grad():
        for layer, gru in zip(ours.forwards, plain.grus, strict=True):
            assert isinstance(layer, Recurrent)
            assert isinstance(gru, PlainGRU)
            cell = layer.cell
            assert isinstance(cell, ConvGRUCell)
            assert cell.input_weight is not None
            both = 2 * cell.hidden
            gru.gates.weight.copy_(torch.cat((cell.input_weight[:both], cell.gate_weight), 1))
            gru.gates.bias.copy_(cell.bias[:both])  # type: ignore[union-attr]
            own = torch.cat((cell.input_weight[both:], cell.candidate_weight), 1)
            gru.candidate.weight.copy_(own)
            gru.candidate.bias.copy_(cell.bias[both:])  # type: ignore[union-attr]
    return ours, plain


def check_same(ours: GRURCN, plain: PlainGRURCN, features: Features) -> None:
    """Raise an AssertionError where the two say different things of the same maps."""
    with torch.no_grad():
        said = ours(features).probabilities.log()
        torch.testing.assert_close(said, plain(features.need_maps("plain")), rtol=1e-3, atol=1e-4)


def passes(size: Size, device: torch.device) -> dict[str, Pass]:
    """What is timed, by name; the heads of all sides have been checked to agree."""
    features = size.features
    labels = torch.randint(CLASSES, (size.batch,))
    ours, plain = same_heads(size)
    check_same(ours, plain, features)
    ours, plain = ours.to(device), plain.to(device)
    features, labels = features.to(device), labels.to(device)
    maps = features.need_maps("plain")

    def our_pass() -> None:
        ours.zero_grad(set_to_none=True)
        with autocast("auto", device):
            loss = ours.loss(ours(features), labels)
        loss.backward()

    def plain_pass() -> None:
        plain.zero_grad(set_to_none=True)
        functional.nll_loss(plain(maps), labels).backward()

    return {"plain": plain_pass, "ours": our_pass}


def compare(name: str, size: Size, device: torch.device, rounds: int) -> float:
    """How many times as fast ours is; printed with times and shares, and returned."""
    times = in_turn(passes(size, device), device, rounds)
    found = ratio(times, "plain", "ours")
    print(f"{name}, {size}")
    for side in ("plain", "ours"):
        middle = statistics.median(times[side])
        rate = size.operations / middle / 1e9
        print(f"  {side:6} {1e3 * middle:9.1f} ms  {rate:7.0f} GFLOP/s")
    precision = resolve_precision("auto", device=device)
    print(f"  ours ({precision}) is {found:.2f} times as fast as plain float32", flush=True)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Print times and ratios at the sizes that count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one tiny size, to try the bench")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    for name, size in (QUICK if chosen.quick else SIZES).items():
        compare(name, size, torch.device(chosen.device), chosen.rounds)


if __name__ == "__main__":
    main()
