"""Training passes of the flow head's large convolution: by rows against PyTorch's own.

Run as ``python -m tests.bench.bench_wide_conv``. Both sides take turns in one process, on the maps
of one small batch of the flow autoencoder; processor time, median of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import Tensor, nn

from selfvid.encoders.flow_head import WideConv2d


def seconds(layer: nn.Module, maps: Tensor, dtype: torch.dtype) -> float:
    began = time.process_time()
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        out = layer(maps)
    out.float().square().sum().backward()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for inputs, outputs, kernel, size in ((32, 2, 15, 32), (2, 2, 15, 32), (16, 1, 7, 64)):
        maps = torch.randn(72, inputs, size, size, requires_grad=True)
        ours = WideConv2d(inputs, outputs, kernel)
        plain = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        for dtype in (torch.float32, torch.bfloat16):
            pairs = [
                (seconds(ours, maps, dtype), seconds(plain, maps, dtype))
                for _ in range(given.rounds + 1)
            ][1:]
            ratio = statistics.median(theirs / mine for mine, theirs in pairs)
            print(
                f"{inputs} to {outputs} channels, {kernel}x{kernel}, {size}x{size} maps, "
                f"{str(dtype).removeprefix('torch.')}: {ratio:.2f} times as fast"
            )


if __name__ == "__main__":
    main()
