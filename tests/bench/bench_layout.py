"""Networks on frames with colours innermost, as `FrameEncoder` keeps them, against the default.

Run with ``python -m tests.bench.bench_layout``; both take turns in one process, on the processor's
clock, so that other work on the machine matters less.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from selfvid.backbones.resnet import ResNet
from selfvid.backbones.small import SmallNet
from selfvid.encoders.frame import FrameEncoder

ROUNDS = 5
LAYOUTS = {"default": torch.contiguous_format, "innermost": torch.channels_last}
NETWORKS: dict[str, tuple[Callable[[], FrameEncoder], int, int]] = {
    # clips, and side of their frames
    "SmallNet, 64x64": (lambda: FrameEncoder(SmallNet(channels=1, norm="batch")), 16, 64),
    "ResNet-18, 112x112": (lambda: FrameEncoder(ResNet(18)), 2, 112),
}


def seconds(encoder: nn.Module, clip: torch.Tensor, *, bf16: bool) -> float:
    """Processor time of one pass: with gradients in training, without in evaluation."""
    began = time.process_time()
    with (
        torch.autocast("cpu", torch.bfloat16, enabled=bf16),
        torch.set_grad_enabled(encoder.training),
    ):
        vector = encoder(clip).clip
    if encoder.training:
        vector.sum().backward()
    return time.process_time() - began


def main() -> None:
    """Print a line for each network, mode and precision."""
    print(f"{torch.get_num_threads()} threads")
    for name, (make, clips, side) in NETWORKS.items():
        clip = torch.randint(0, 256, (clips, 8, 3, side, side), dtype=torch.uint8)
        both = {layout: make().to(memory_format=found) for layout, found in LAYOUTS.items()}
        for training in (True, False):
            for bf16 in (True, False):
                took: dict[str, list[float]] = {layout: [] for layout in both}
                for _ in range(ROUNDS + 1):
                    for layout, encoder in both.items():
                        took[layout].append(seconds(encoder.train(training), clip, bf16=bf16))
                pairs = zip(took["default"][1:], took["innermost"][1:], strict=True)
                ratio = statistics.median(a / b for a, b in pairs)
                what = f"{'training' if training else 'use'} in {'bf16' if bf16 else 'float32'}"
                print(
                    f"{name}, {what}: {1000 * statistics.median(took['default'][1:]):.0f} ms by "
                    f"default, {1000 * statistics.median(took['innermost'][1:]):.0f} ms innermost, "
                    f"{ratio:.2f} times as fast",
                    flush=True,
                )


if __name__ == "__main__":
    main()
