"""Sources of unlabelled clips: clips cut from video files, or generated moving digits."""

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
from selfvid.data.manifest.manifest import Manifest
from selfvid.training.batches import BatchStream
from selfvid.training.sources import BatchSource, LoadedClips
from selfvid.types import ClipBatch

# The sample for collapse measures: large enough for stable figures, decoded in seconds.
SAMPLE_VIDEOS = 64
SAMPLE_CLIPS = 4  # of each video


class ClipSource(BatchSource):
    """Interface of the sources of clips for pretraining.

    A source of your own must be a dataclass, or `Recorded`, so that a recipe can describe it.

    Attributes:
        frames: T of every clip.
        size: H and W of the frames.
        clips_per_video: number of clips of one video in a batch.
        stride: distance between consecutive frames of a clip, in frames of the video.
        fps: frames per second of a clip, instead of a stride.
        videos: content ids of all videos; empty for generated clips, whose number is unlimited.
        hours: length of all videos together.
        maker: description of the generator of the clips; empty for clips cut from files.
        manifest: the videos that clips are cut from; None for clips from elsewhere.
    """

    frames: int
    size: tuple[int, int]
    clips_per_video: int = 1
    stride: int = 1
    fps: float | None = None
    videos: tuple[str, ...] = ()
    hours: float = 0.0
    maker: str = ""
    manifest: Manifest | None = None

    @abstractmethod
    def sample(self) -> ClipBatch:
        """Return a few clips of some videos, always the same ones, for previews."""


class VideoSource(LoadedClips, ClipSource):
    """A source of clips cut from video files.

    Args:
        dataset: the clips.
        workers: number of loading processes.
    """

    def __init__(self, dataset: ClipDataset, *, workers: int) -> None:
        super().__init__(dataset, workers=workers)
        self.clips, self.manifest = dataset, dataset.manifest
        rule, rows = dataset.sampling, dataset.manifest.rows
        self.frames, self.size = rule.length, dataset.size
        self.clips_per_video = int(getattr(rule, "clips", 1))
        self.stride = int(getattr(rule, "stride", 1))
        self.fps = getattr(rule, "fps", None)
        self.videos = tuple(row.video for row in rows)
        self.hours = sum(row.duration for row in rows) / 3600

    def sample(self) -> ClipBatch:
        """Return clips spread evenly along files that are spread evenly over the manifest."""
        footage = self.clips.manifest
        chosen = np.unique(np.linspace(0, len(footage) - 1, SAMPLE_VIDEOS).astype(int))
        spread = EvenClips(frames=self.frames, stride=self.stride, fps=self.fps, clips=SAMPLE_CLIPS)
        dataset = self.clips.cut_by(footage.select(chosen), spread)
        # Decoded in a worker if training uses workers: a decoder that has run in this process
        # must not be copied into the workers by a fork.
        loader = clip_loader(dataset, batch_size=len(chosen), workers=min(1, self.workers))
        return next(iter(loader))


class GeneratedSource(ClipSource):
    """A source of moving digits, generated batch by batch on the training device; none repeats.

    Args:
        digits: the settings of the generator.
    """

    def __init__(self, digits: DigitStream) -> None:
        self.digits = digits
        self.frames, self.size = digits.frames, (digits.canvas, digits.canvas)
        self.maker = (
            f"{digits.kind} digits generated during training from {digits.split} glyphs of "
            f"{digits.source}"
        )

    def batches(self, stream: BatchStream, device: torch.device) -> Iterable[ClipBatch]:
        """Return batches of new sequences."""
        return _Generated(self.digits, stream, device)

    def sample(self) -> ClipBatch:
        """Return the clips of long sequences, each cut into several clips."""
        longer = replace(self.digits, frames=SAMPLE_CLIPS * self.frames, seed=self.digits.seed + 1)
        made = longer.batch(0, clips=SAMPLE_VIDEOS).rgb()  # (B, 4T, 3, H, W)
        names = [f"sequence {number}" for number in range(SAMPLE_VIDEOS)]
        clips = made.unflatten(1, (SAMPLE_CLIPS, self.frames)).flatten(0, 1)  # (4B, T, 3, H, W)
        return _as_clips(clips, [name for name in names for _ in range(SAMPLE_CLIPS)])


@dataclass(frozen=True)
class _Generated:
    """The batches of a `GeneratedSource` for one process."""

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
