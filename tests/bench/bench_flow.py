"""`selfvid flow` against the loop most people write, decoding and writing included.

Run with ``python -m tests.bench.bench_flow [FOLDER] [--size 224] [--rounds 3]``; without
``--size`` at native size. The two sides take turns in one process, each in the same cores.

The plain side reads a video with decord frame by frame (with PyAV where decord cannot), resizes
with OpenCV, calls OpenCV's DIS with its own default of threads on one pair after the other, and
writes x and y of every field as a picture each, JPEG as most do. Ours is the whole command: its
estimate, starting its processes, everything. Both use the same preset.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np

from selfvid.data.flow.command import compute_flow
from selfvid.data.indexing.command import index
from selfvid.data.manifest.manifest import Manifest
from selfvid.flow.estimate import DIS
from selfvid.flow.quantise import default_bound

SHARED = Path(__file__).parents[2] / "../shared/data/ut_interaction/videos"
Picture = Literal["jpg", "png"]


def plain_frames(path: Path) -> Iterator[Any]:
    """Frames one by one, as decord's own examples read them."""
    import decord

    try:
        video = decord.VideoReader(str(path), ctx=decord.cpu(0))
    except (decord.DECORDError, RuntimeError):
        video = None
    if video is not None:
        for number in range(len(video)):
            yield video[number].asnumpy()
        return
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def plain_loop(manifest: Manifest, folder: Path, *, size: int | None, picture: Picture) -> int:
    """The loop most people write; how many fields it wrote."""
    search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    fields = 0
    for row in manifest.rows:
        out = folder / row.video
        out.mkdir()
        earlier = None
        for number, frame in enumerate(plain_frames(manifest.path_of(row))):
            if size is not None:
                frame = cv2.resize(frame, (size, size))
            grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
            if earlier is not None:
                flow = search.calc(earlier, grey, None)
                bound = default_bound(*grey.shape[:2])
                codes = np.clip(flow * (127 / bound) + 128, 0, 255).astype(np.uint8)
                for axis, name in enumerate("xy"):
                    cv2.imwrite(str(out / f"{name}_{number:05}.{picture}"), codes[..., axis])
                fields += 1
            earlier = grey
    return fields


def compare(
    manifest: Manifest, *, size: int | None, rounds: int, picture: Picture, workers: int | None
) -> list[float]:
    """Ratio of our fields per second to the plain loop's, one for each round."""
    ratios = []
    for turn in range(rounds):
        seconds = [0.0, 0.0]
        fields = [0, 0]
        # The side that goes first changes from round to round.
        for side in (0, 1) if turn % 2 else (1, 0):
            with tempfile.TemporaryDirectory() as scratch:
                began = time.perf_counter()
                if side == 0:
                    found = compute_flow(
                        manifest,
                        out=Path(scratch),
                        size=size,
                        estimator=DIS(),
                        workers=workers,
                        quiet=True,
                    )
                    fields[side] = sum(row.frames - 1 for row in found.rows)
                else:
                    fields[side] = plain_loop(manifest, Path(scratch), size=size, picture=picture)
                seconds[side] = time.perf_counter() - began
                stored = sum(f.stat().st_size for f in Path(scratch).rglob("*") if f.is_file())
                print(
                    f"  {('ours', 'plain')[side]}: {fields[side]} fields in {seconds[side]:.1f} s, "
                    f"{stored / fields[side] / 1024:.1f} KiB a field",
                    flush=True,
                )
        # decord repeats frames of files without timestamps, which our readers do not.
        assert abs(fields[0] / fields[1] - 1) < 0.05, f"sides made {fields} fields"
        ratios.append(fields[0] / seconds[0] * seconds[1] / fields[1])
        print(f"ratio {ratios[-1]:.2f}", flush=True)
    return ratios


def indexed(folder: Path, scratch: Path, *, videos: int | None) -> Manifest:
    """The videos of a folder, evenly spread where only some are wanted."""
    manifest = index(folder, out=scratch / "footage.csv", near_duplicates=False, quiet=True).usable
    if videos is not None and videos < len(manifest):
        manifest = manifest.select(np.linspace(0, len(manifest) - 1, videos).round().astype(int))
    rows = tuple(replace(row, path=str(manifest.path_of(row))) for row in manifest.rows)
    return Manifest(rows, Path())


def main() -> None:
    """Print the ratios and their median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--size", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--videos", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--picture", choices=("jpg", "png"), default="jpg")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        manifest = indexed(chosen.folder, Path(scratch), videos=chosen.videos)
        ratios = compare(
            manifest,
            size=chosen.size,
            rounds=chosen.rounds,
            picture=chosen.picture,
            workers=chosen.workers,
        )
    wanted = 1.15 if chosen.size is None else 1.3
    print(
        f"{len(manifest)} videos of {chosen.folder} at {chosen.size or 'native size'}, "
        f"{chosen.picture}: median {statistics.median(ratios):.2f}, want {wanted} (at 224)"
    )


if __name__ == "__main__":
    main()
