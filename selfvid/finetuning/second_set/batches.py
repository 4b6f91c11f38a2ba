"""Batches of two data sets in one."""

from __future__ import annotations

from dataclasses import replace

from selfvid.data.clips.dataset import ClipKey
from selfvid.training.batches import BatchStream


class PairedStream(BatchStream):
    """Every batch is one of the first stream and, behind it, one of the second.

    ::

        number   0       1
        first    b d     a c
        second   X V W   Z X Y
        joint    bdXVW   acZXY

    Keys of the second count on from those of the first, as `SideBySide` wants them. Each process
    has its part of both.

    Args:
        first: a batch for each number.
        second: likewise, as many.
    """

    def __init__(self, first: BatchStream, second: BatchStream) -> None:
        super().__init__(
            first.videos + second.videos,
            per_batch=first.per_batch + second.per_batch,
            total=first.total,
            seed=first.seed,
        )
        self.first, self.second = first, second

    def share_out(self, rank: int, world: int) -> None:
        """Keep this process's part of every batch of both streams.

        Raises:
            InputError: where a batch cannot be shared out evenly.
        """
        for stream in (self.first, self.second):
            stream.share_out(rank, world)

    def batch(self, number: int) -> list[ClipKey]:
        """This process's keys of batch `number`."""
        before = self.first.videos
        behind = [replace(key, index=key.index + before) for key in self.second.batch(number)]
        return [*self.first.batch(number), *behind]
