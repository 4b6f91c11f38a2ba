"""Clips per second of our loader against a plain decord loop in a DataLoader.

Both sides use the same workers, frame size, stride and one decoding thread, and take turns in
one process. Run with ``python -m tests.bench.bench_loader [FOLDER]``.

The plain side is what most training code does for each clip: open the video, `get_batch`. Both
sides read the very same frames.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from selfvid.data.clips.loader import ClipDataset, ClipKey, clip_loader
from selfvid.data.clips.sampling import RandomClips, Timeline
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.decode import open_video
from selfvid.data.video.encode import write_video
from selfvid.types import ClipBatch

SIZE = (112, 112)
FRAMES, STRIDE = 16, 2
SHARED = Path(__file__).parents[2] / "../shared/data/intel_sample_videos/asl_gestures"


class PlainClips(Dataset[Tensor]):
    """Open and get_batch: one clip per item, asked for by video and frame numbers."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, key: tuple[int, list[int]]) -> Tensor:
        import decord

        index, frames = key
        height, width = SIZE
        video = decord.VideoReader(
            str(self.files[index]), ctx=decord.cpu(0), width=width, height=height, num_threads=1
        )
        return torch.from_numpy(video.get_batch(frames).asnumpy()).permute(0, 3, 1, 2)


def written(folder: Path, videos: int = 16) -> list[Path]:
    """Videos of moving noise, for where no others are at hand."""
    generator = torch.Generator().manual_seed(0)
    for number in range(videos):
        coarse = torch.rand(90, 3, 15, 20, generator=generator).cumsum(0) % 1
        frames = torch.nn.functional.interpolate(coarse, size=(240, 320), mode="bilinear")
        write_video(folder / f"{number}.mp4", (frames * 255).to(torch.uint8), rate=25.0)
    return sorted(folder.glob("*.mp4"))


def indexed(files: list[Path]) -> Manifest:
    """A manifest that notes what indexing would; files that decord cannot read are left out."""
    rows = []
    for file in files:
        with open_video(file) as reader:
            if reader.decoder == "decord" and reader.frames > FRAMES * STRIDE:
                row = Row(
                    path=str(file),
                    video=file.stem,
                    frames=reader.frames,
                    rate=reader.rate,
                    decoder=reader.decoder,
                )
                rows.append(row)
    return Manifest(tuple(rows), Path())


def sides(
    manifest: Manifest, indices: list[int], *, clips: int, workers: int, seed: int
) -> tuple[Iterable[ClipBatch], Iterable[Tensor]]:
    """Our loader and the plain one, each with one batch of the same clips per index."""
    sampling = RandomClips(FRAMES, STRIDE, clips=clips)
    dataset = ClipDataset(manifest, sampling, size=SIZE, seed=seed)
    ours = clip_loader(dataset, batches=[[ClipKey(0, i)] for i in indices], workers=workers)
    chosen = []
    for index in indices:
        row = manifest.rows[index]
        rng = np.random.default_rng((seed, 0, index, 0))
        starts = sampling.choose(Timeline(row.frames, row.rate), rng).tolist()
        chosen.append([(index, frames) for frames in starts])
    plain = DataLoader(
        PlainClips([manifest.path_of(row) for row in manifest.rows]),
        batch_sampler=chosen,
        num_workers=workers,
    )
    return ours, plain


def clips_per_second(batches: Iterable[object], clips: int) -> float:
    """Speed once the workers run: the first batch is not timed."""
    begun = iter(batches)
    next(begun)
    start = time.perf_counter()
    for _ in begun:
        pass
    return clips / (time.perf_counter() - start)


def compare(
    manifest: Manifest, *, clips: int, workers: int, rounds: int, videos: int = 20
) -> list[float]:
    """Ratio of our speed to the plain one, one for each round."""
    keys = [index % len(manifest) for index in range(videos + 1)]
    ratios = []
    for epoch in range(rounds):
        ours, plain = sides(manifest, keys, clips=clips, workers=workers, seed=epoch)
        speeds = [0.0, 0.0]
        # The side that goes first changes from round to round.
        for side in (0, 1) if epoch % 2 else (1, 0):
            speeds[side] = clips_per_second((ours, plain)[side], videos * clips)
        print(
            f"{clips} clips per video, {workers} workers: ours {speeds[0]:.1f}, "
            f"plain {speeds[1]:.1f} clips/s, ratio {speeds[0] / speeds[1]:.2f}",
            flush=True,
        )
        ratios.append(speeds[0] / speeds[1])
    return ratios


def main() -> None:
    """Print the ratios for one and for four clips per opened video."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=12)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = sorted(chosen.folder.rglob("*.mkv")) + sorted(chosen.folder.rglob("*.mp4"))
        manifest = indexed(found or written(Path(scratch)))
        print(f"{len(manifest)} videos of {chosen.folder if found else 'noise'}, {SIZE}")
        for clips, wanted in ((1, 0.95), (4, 2.0)):
            ratios = compare(manifest, clips=clips, workers=chosen.workers, rounds=chosen.rounds)
            print(f"{clips} clips per video: median {statistics.median(ratios):.2f}, want {wanted}")


if __name__ == "__main__":
    main()
