"""Test sequences that are clips of video files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfvid.data.clips.sampling import EvenClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import DecoderName
from selfvid.errors import InputError
from selfvid.features.videos import read_clips
from selfvid.forecasting.sequences import TRAINING, ClipsToForecast, Sequences
from selfvid.results.leaks import relate_footage
from selfvid.statistics import words


class VideoSequences(Sequences):
    """Clips that are cut evenly along the videos of a manifest.

    Args:
        manifest: the test videos: its rows of split ``test``, or all rows if there are none.
        trained: the rows that the run was trained on.
        footage: content ids of the videos that the encoder was trained on.
        cut: frames, stride and so on of one clip.
        size: H and W of its frames.
        count: number of test sequences, approximately.
        batch: number of sequences in a batch.
        decoder: the decoder to use.
        workers: number of decoding processes.

    Raises:
        InputError: If the manifest has no usable video.
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        trained: Manifest,
        footage: tuple[str, ...],
        cut: EvenClips,
        size: tuple[int, int],
        count: int,
        batch: int,
        decoder: DecoderName,
        workers: int,
    ) -> None:
        super().__init__()
        usable = manifest.usable
        if not len(usable):
            raise InputError(f"manifest has no usable video among {len(manifest)} rows")
        held_out = usable.select([row.split == "test" for row in usable.rows])
        self.split = bool(len(held_out))
        self.manifest, self.footage = manifest, footage
        self.rows = _spread(held_out if self.split else usable, count)
        self.trained = _spread(trained, TRAINING)
        self.cut, self.size = cut, size
        self.count, self.batch, self.decoder, self.workers = count, batch, decoder, workers

    def tested(self) -> Iterator[ClipsToForecast]:
        """Yield clips of the test videos, equally many of each."""
        self.faults = []
        yield from self._clips(self.rows, self.count, self.faults)

    def training(self) -> Iterator[ClipsToForecast]:
        """Yield clips of the training videos, equally many of each."""
        yield from self._clips(self.trained, TRAINING, [])

    def in_words(self) -> tuple[str, ...]:
        """Say whether the run was trained on the test videos, and which videos are left out."""
        tested = relate_footage(self.manifest, self.rows.rows, self.footage)
        sentences = [words.about_footage(**dataclasses.asdict(tested))]
        if not self.split:
            sentences.append("the manifest has no split 'test': clips are from all of its videos")
        if self.faults:
            sentences.append(f"left out: {len(self.faults)} videos gave no clip ({self.faults[0]})")
        return tuple(sentences)

    def about(self) -> dict[str, Any]:
        """Return the videos and the way in which they were cut, as plain data."""
        return {
            "manifest_hash": self.rows.hash(),
            "videos": len(self.rows),
            "groups": len(set(self.rows.groups.tolist())),
            "split": "test" if self.split else "all rows",
            "clips": repr(
                dataclasses.replace(self.cut, clips=self._per_video(self.rows, self.count))
            ),
            "size": self.size,
            "training_hash": self.trained.hash(),
            "training_videos": len(self.trained),
            "left_out": self.faults,
        }

    def _per_video(self, manifest: Manifest, count: int) -> int:
        return max(1, count // len(manifest))

    def _clips(
        self, manifest: Manifest, count: int, faults: list[str]
    ) -> Iterator[ClipsToForecast]:
        """Yield about `count` clips of a manifest, batch by batch.

        One line for each video that gives no clip is appended to `faults`.
        """
        cut = dataclasses.replace(self.cut, clips=self._per_video(manifest, count))
        groups = manifest.groups.tolist()
        frames: list[Tensor] = []
        owners: list[str] = []  # the group of each clip in `frames`
        any_clip = False
        reads = read_clips(
            manifest, cut, size=self.size, decoder=self.decoder, workers=self.workers
        )
        for read in reads:
            if read.fault:
                faults.append(read.fault)
            frames += [clip.frames for clip in read.clips]
            owners += [groups[read.row]] * len(read.clips)
            while len(frames) >= self.batch:
                yield ClipsToForecast(
                    torch.stack(frames[: self.batch]), tuple(owners[: self.batch])
                )
                frames, owners = frames[self.batch :], owners[self.batch :]
            any_clip = any_clip or bool(read.clips)
        if not any_clip:
            raise InputError(
                f"none of {len(manifest)} videos gave a clip of {cut.frames} frames; "
                f"the first: {faults[0]}"
            )
        if frames:
            yield ClipsToForecast(torch.stack(frames), tuple(owners))


def _spread(manifest: Manifest, most: int) -> Manifest:
    """Return at most `most` rows, spread evenly along the manifest."""
    if len(manifest) <= most:
        return manifest
    return manifest.select(np.linspace(0, len(manifest) - 1, most).round().astype(int))
