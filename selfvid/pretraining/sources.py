"""The unlabelled clips of a run: cut from video files, or digits made on the spot."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.loader import clip_loader
from selfvid.data.clips.sampling import EvenClips
from selfvid.data.digits.moving_digits import MovingDigits
from selfvid.data.digits.stream import DigitStream
from selfvid.training.batches import BatchStream
from selfvid.training.sources import BatchSource, LoadedClips
from selfvid.types import ClipBatch

# Enough videos and clips of each for collapse measures, few enough to decode in seconds.
SAMPLE_VIDEOS = 64
SAMPLE_CLIPS = 4


class Source(BatchSource):
    """Clips for pretraining.

    Attributes:
        frames: T of every clip.
        size: H and W of its frames.
        clips_per_video: clips of one video in a batch.
        stride: frames of the video from one frame of a clip to the next.
        fps: frames per second of a clip, instead of a stride.
        videos: content ids of the videos that there are; none where they have no end.
        hours: length of all videos.
        maker: what makes the clips, in words; empty where they are cut from files.
    """

    frames: int
    size: tuple[int, int]
    clips_per_video: int = 1
    stride: int = 1
    fps: float | None = None
    videos: tuple[str, ...] = ()
    hours: float = 0.0
    maker: str = ""

    @abstractmethod
    def sample(self) -> ClipBatch:
        """A few clips of some videos, always the same, to look at while training."""


class VideoSource(LoadedClips, Source):
    """Clips cut from video files.

    Args:
        dataset: the files and the rule for cutting.
        workers: loading processes.
    """

    def __init__(self, dataset: ClipDataset, *, workers: int) -> None:
        super().__init__(dataset, workers=workers)
        self.clips = dataset
        rule, rows = dataset.sampling, dataset.manifest.rows
        self.frames, self.size = rule.length, dataset.size
        self.clips_per_video = int(getattr(rule, "clips", 1))
        self.stride = int(getattr(rule, "stride", 1))
        self.fps = getattr(rule, "fps", None)
        self.videos = tuple(row.video for row in rows)
        self.hours = sum(row.duration for row in rows) / 3600

    def sample(self) -> ClipBatch:
        """Clips spread along files spread over the manifest."""
        footage = self.clips.manifest
        chosen = np.unique(np.linspace(0, len(footage) - 1, SAMPLE_VIDEOS).astype(int))
        spread = EvenClips(frames=self.frames, stride=self.stride, fps=self.fps, clips=SAMPLE_CLIPS)
        dataset = self.clips.cut_by(footage.select(chosen), spread)
        # In a worker wherever training has workers: a decoder that has run in this process must
        # not be carried into them by a fork.
        loader = clip_loader(dataset, batch_size=len(chosen), workers=min(1, self.workers))
        return next(iter(loader))


class GeneratedSource(Source):
    """Sequences made batch by batch, on the device that trains, and never twice.

    Args:
        digits: what makes them.
    """

    def __init__(self, digits: DigitStream) -> None:
        self.digits = digits
        self.frames, self.size = digits.frames, (digits.canvas, digits.canvas)
        self.maker = (
            f"{digits.kind} digits made on the spot, {digits.split} glyphs of {digits.source}"
        )

    def batches(self, stream: BatchStream, device: torch.device) -> Iterable[ClipBatch]:
        """Fresh sequences without end."""
        return _Generated(self.digits, stream, device)

    def sample(self) -> ClipBatch:
        """Sequences as long as several clips, cut into them."""
        longer = replace(self.digits, frames=SAMPLE_CLIPS * self.frames, seed=self.digits.seed + 1)
        made = longer.batch(0, clips=SAMPLE_VIDEOS).rgb()  # (B, 4T, 3, H, W)
        names = [f"sequence {number}" for number in range(SAMPLE_VIDEOS)]
        clips = made.unflatten(1, (SAMPLE_CLIPS, self.frames)).flatten(0, 1)  # (4B, T, 3, H, W)
        return _as_clips(clips, [name for name in names for _ in range(SAMPLE_CLIPS)])


@dataclass(frozen=True)
class _Generated:
    digits: DigitStream
    stream: BatchStream
    device: torch.device

    def __iter__(self) -> Generator[ClipBatch]:
        clips = len(range(self.stream.per_batch)[self.stream.share])
        for number in range(self.stream.done, self.stream.total):
            mine = number * self.stream.world + self.stream.rank
            made: MovingDigits = self.digits.batch(mine, clips=clips, device=self.device)
            yield _as_clips(made.rgb(), [f"batch {mine} sequence {at}" for at in range(clips)])


def _as_clips(frames: torch.Tensor, names: list[str]) -> ClipBatch:
    batch, length = frames.shape[:2]
    return ClipBatch(
        frames=frames,
        times=torch.arange(length, dtype=torch.float64).expand(batch, -1),
        videos=tuple(names),
    )
