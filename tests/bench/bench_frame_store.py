"""Clips from kept frames (`--decoded`) against clips decoded anew, from the same videos.

Run with ``python -m tests.bench.bench_frame_store MANIFEST [--frames 8] [--stride 8] [--size 64]``;
both read the same clips in turn, in one process, and must get the same frames.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence

import torch

from selfvid.data.clips.dataset import ClipDataset, ClipKey
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.manifest.manifest import Manifest

ROUNDS = 3
VIDEOS = 20


def main(arguments: Sequence[str] | None = None) -> None:
    """Print milliseconds a clip and the median ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--stride", type=int, default=8)
    parser.add_argument("--size", type=int, default=64)
    given = parser.parse_args(arguments)
    videos = Manifest.read(given.manifest).usable
    videos = videos.select([index < VIDEOS for index in range(len(videos))])
    rule = RandomClips(frames=given.frames, stride=given.stride)
    size = (given.size, given.size)
    with tempfile.TemporaryDirectory() as folder:
        anew = ClipDataset(videos, rule, size=size)
        kept = ClipDataset(videos, rule, size=size, decoded=folder)
        for index in range(len(videos)):
            kept[index]  # decodes it
        took: list[tuple[float, float]] = []
        for epoch in range(ROUNDS):
            for index in range(len(videos)):
                key = ClipKey(epoch, index)
                began = time.perf_counter()
                plain = anew[key].clips[0].frames
                between = time.perf_counter()
                found = kept[key].clips[0].frames
                took.append((between - began, time.perf_counter() - between))
                assert torch.equal(plain, found)
    decoding, keeping = (1000 * statistics.median(side) for side in zip(*took, strict=True))
    ratio = statistics.median(a / b for a, b in took)
    print(
        f"clips of {given.frames} frames, stride {given.stride}, {given.size}x{given.size}, from "
        f"{len(videos)} videos: {decoding:.1f} ms decoded anew, {keeping:.2f} ms kept, "
        f"{ratio:.0f} times as fast"
    )


if __name__ == "__main__":
    main()
