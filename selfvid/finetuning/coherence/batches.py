"""Whose turn it is: labelled clips, then clips to pull together, then clips to push apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from selfvid.data.clips.dataset import ClipKey
from selfvid.training.batches import BatchStream

Turn = Literal["labels", "pull", "push"]
TURNS: tuple[Turn, ...] = ("labels", "pull", "push")


class TurnStream(BatchStream):
    """The batches of two streams, two of the footage after each labelled one.

    ::

        number     0       1      2      3       4      5
        turn       labels  pull   push   labels  pull   push
        labelled   0                     1
        footage            0      1              2      3

    Keys of the footage count on from those of the labelled videos, as `SideBySide` wants them.

    Args:
        labelled: a batch for each step.
        footage: two batches for each step.
    """

    def __init__(self, labelled: BatchStream, footage: BatchStream) -> None:
        super().__init__(
            labelled.videos + footage.videos,
            per_batch=labelled.per_batch,
            total=len(TURNS) * labelled.total,
            seed=labelled.seed,
        )
        self.labelled, self.footage = labelled, footage

    @property
    def turn(self) -> Turn:
        """Whose the batch under way is."""
        return TURNS[self.done % len(TURNS)]

    @property
    def draw(self) -> int:
        """For labels the step, as if there were no footage; a number of its own for each other."""
        stream, number = self._place(self.done)
        return number if stream is self.labelled else self.labelled.total + number

    def share_out(self, rank: int, world: int) -> None:
        """Keep this process's part of every batch of both streams.

        Raises:
            InputError: where a batch cannot be shared out evenly.
        """
        for stream in (self.labelled, self.footage):
            stream.share_out(rank, world)

    def batch(self, number: int) -> list[ClipKey]:
        """This process's keys of batch `number`."""
        stream, own = self._place(number)
        before = 0 if stream is self.labelled else self.labelled.videos
        return [replace(key, index=key.index + before) for key in stream.batch(own)]

    def _place(self, number: int) -> tuple[BatchStream, int]:
        """Which stream a batch comes from, and its number there."""
        step, turn = divmod(number, len(TURNS))
        if turn == 0:
            return self.labelled, step
        return self.footage, (len(TURNS) - 1) * step + turn - 1
