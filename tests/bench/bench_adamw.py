"""AdamW in one pass over memory against PyTorch's default, on the weights of a small LSTM.

Run with ``python -m tests.bench.bench_adamw``; both take steps in turn, in one process.
"""

from __future__ import annotations

import statistics
import time

import torch

SHAPES = 3 * [(1024, 4096), (1024, 256), (4096, 256)]
ROUNDS = 15


def stepper(*, fused: bool) -> torch.optim.Optimizer:
    """An optimiser with gradients to step along."""
    weights = [torch.nn.Parameter(torch.randn(shape) / 100) for shape in SHAPES]
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    return torch.optim.AdamW(weights, fused=fused)


def main() -> None:
    """Print milliseconds a step and the median ratio."""
    both = {fused: stepper(fused=fused) for fused in (False, True)}
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(ROUNDS + 2):
        for fused, optimiser in both.items():
            began = time.perf_counter()
            optimiser.step()
            seconds[fused].append(time.perf_counter() - began)
    plain, once = seconds[False][2:], seconds[True][2:]  # the first steps make the moments
    ratio = statistics.median(a / b for a, b in zip(plain, once, strict=True))
    million = sum(weight.numel() for weight in both[True].param_groups[0]["params"]) / 1e6
    print(
        f"AdamW on {million:.1f} million weights, {torch.get_num_threads()} threads: "
        f"{1000 * statistics.median(plain):.1f} ms by default, "
        f"{1000 * statistics.median(once):.1f} ms fused, {ratio:.1f} times as fast"
    )


if __name__ == "__main__":
    main()
