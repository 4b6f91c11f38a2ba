"""Clips per second that the loader delivers, against those that the device can train on.

The clips are decoded from files of noise in motion, which cost more to decode than footage does.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from selfvid.backbones.c3d import C3D
from selfvid.backbones.resnet import ResNet
from selfvid.compute import autocast
from selfvid.data.clips.loader import ClipDataset, ClipKey, clip_loader
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.base import Encoder
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.frame import FrameEncoder
from tests.bench.bench_loader import clips_per_second, indexed, written


@dataclass(frozen=True)
class Case:
    """An encoder and the clips that it is trained on."""

    name: str
    make: Callable[[], Encoder]
    frames: int
    side: int
    batch: int


CASES = (
    Case("ResNet-18 on pairs of frames", lambda: FrameEncoder(ResNet(18)), 2, 112, 64),
    Case("C3D", lambda: ClipEncoder(C3D()), 16, 112, 32),
)
TINY = (Case("C3D, small", lambda: ClipEncoder(C3D(size="small")), 16, 64, 2),)


def feeding(device: torch.device, *, quick: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the speeds of each case: computed, and loaded with one and four clips of a video."""
    workers = 1 if quick else min(14, (os.cpu_count() or 2) - 2)
    with tempfile.TemporaryDirectory() as scratch:
        manifest = indexed(written(Path(scratch), videos=2 if quick else 16))
        for case in TINY if quick else CASES:
            found: dict[str, Any] = {"workers": workers}
            found["computed"] = round(computing(case, device, passes=2 if quick else 30), 1)
            for clips in (1, 4):
                speed = loading(case, manifest, clips=clips, workers=workers, videos=workers * 8)
                found[f"loaded, {clips} of a video"] = round(speed, 1)
            print(case.name, found, flush=True)
            yield case.name, found


def loading(case: Case, manifest: Manifest, *, clips: int, workers: int, videos: int) -> float:
    """Return the clips per second of the loader."""
    sampling = RandomClips(case.frames, 2, clips=clips)
    dataset = ClipDataset(manifest, sampling, size=(case.side, case.side), seed=0)
    keys = [[ClipKey(0, index % len(manifest))] for index in range(videos + 1)]
    loader = clip_loader(dataset, batches=keys, workers=workers)
    return clips_per_second(loader, videos * clips)


def computing(case: Case, device: torch.device, *, passes: int) -> float:
    """Return the clips per second of forward and backward passes on clips that are there."""
    torch.manual_seed(0)
    encoder = case.make().to(device)
    shape = (case.batch, case.frames, 3, case.side, case.side)
    clip = torch.randint(0, 256, shape, dtype=torch.uint8, device=device)

    def once() -> None:
        encoder.zero_grad(set_to_none=True)
        with autocast("auto", device):
            vectors = encoder(clip).clip
        vectors.float().square().mean().backward()

    def finished() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    for _ in range(2):
        once()
    began = finished()
    for _ in range(passes):
        once()
    return passes * case.batch / (finished() - began)
