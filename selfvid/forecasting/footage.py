"""Forecasts tested on video files."""

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
    """Clips cut evenly along the videos of a manifest.

    Args:
        manifest: what is tested: its rows of split ``test``, or all where there are none.
        trained: the rows that the run was trained on.
        footage: content ids of those rows, as the encoder tells them.
        cut: frames, stride and the like of one clip.
        size: H and W of its frames.
        count: about as many test sequences.
        batch: sequences that are handed on together.
        decoder: who decodes.
        workers: processes that decode.
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
        """Clips of the test videos, as many of each."""
        self.faults = []
        yield from self._clips(self.rows, self.count, self.faults)

    def training(self) -> Iterator[ClipsToForecast]:
        """Clips of the training videos, as many of each."""
        yield from self._clips(self.trained, TRAINING, [])

    def in_words(self) -> tuple[str, ...]:
        """Whether the test videos were trained on."""
        tested = relate_footage(self.manifest, self.rows.rows, self.footage)
        said = [words.about_footage(**dataclasses.asdict(tested))]
        if not self.split:
            said.append("the manifest has no split 'test': clips are from all of its videos")
        if self.faults:
            said.append(f"left out: {len(self.faults)} videos gave no clip ({self.faults[0]})")
        return tuple(said)

    def about(self) -> dict[str, Any]:
        """Which videos, and how they were cut."""
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
        cut = dataclasses.replace(self.cut, clips=self._per_video(manifest, count))
        groups = manifest.groups.tolist()
        frames: list[Tensor] = []
        owners: list[str] = []
        gave = False
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
            gave = gave or bool(read.clips)
        if not gave:
            raise InputError(
                f"none of {len(manifest)} videos gave a clip of {cut.frames} frames; "
                f"the first: {faults[0]}"
            )
        if frames:
            yield ClipsToForecast(torch.stack(frames), tuple(owners))


def _spread(manifest: Manifest, most: int) -> Manifest:
    """At most so many rows, evenly along the manifest."""
    if len(manifest) <= most:
        return manifest
    return manifest.select(np.linspace(0, len(manifest) - 1, most).round().astype(int))
