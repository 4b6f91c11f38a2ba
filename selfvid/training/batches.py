"""Batch streams: which clips make up batch k of a run, decided by the seed and k alone."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence, Sized

import numpy as np
from numpy.typing import NDArray

from selfvid.data.clips.dataset import ClipKey
from selfvid.errors import InputError


class BatchStream:
    """The keys of all batches of a run, in order.

    The videos are shuffled again in each epoch, and the epochs follow one another in one sequence.
    Each batch takes the next videos of the sequence. A batch may therefore contain the end of one
    epoch and the beginning of the next, and no video is left out.

    ::

        epoch 0      epoch 1      epoch 2
        b d a c e    c e b a d    a ...
        [batch 0] [batch 1] [batch 2]

    With several processes, each process takes its own part of every batch.

    Args:
        videos: number of videos.
        per_batch: number of videos in a batch, over all processes.
        total: number of batches in the whole run.
        seed: the run's seed.

    Attributes:
        done: number of batches that training has finished; iteration starts after them.
    """

    def __init__(self, videos: int, *, per_batch: int, total: int, seed: int) -> None:
        self.videos = videos
        self.per_batch = per_batch
        self.total = total
        self.seed = seed
        self.rank, self.world = 0, 1
        self.share = slice(None)
        self.done = 0
        self._shuffled: tuple[int, NDArray[np.int64]] | None = None

    @property
    def draw(self) -> int:
        """The number that, together with the seed, seeds the random draws of the current batch."""
        return self.done

    def share_out(self, rank: int, world: int) -> None:
        """Keep only the part of every batch that belongs to process `rank` of `world`.

        Raises:
            InputError: If a batch cannot be divided evenly.
        """
        if self.per_batch % world:
            raise InputError(
                f"{self.per_batch} videos in a batch cannot be shared by {world} processes; "
                "expected a multiple"
            )
        self.rank, self.world = rank, world
        share = self.per_batch // world
        self.share = slice(rank * share, (rank + 1) * share)

    def batch(self, number: int) -> list[ClipKey]:
        """Return this process's keys of batch `number`."""
        first = number * self.per_batch
        places = range(first, first + self.per_batch)[self.share]
        return [self._key(place) for place in places]

    def _key(self, place: int) -> ClipKey:
        """Return the key at a position of the sequence of all epochs."""
        epoch, within = divmod(place, self.videos)
        if self._shuffled is None or self._shuffled[0] != epoch:
            order = np.random.default_rng((self.seed, epoch)).permutation(self.videos)
            self._shuffled = (epoch, order)
        return ClipKey(epoch, int(self._shuffled[1][within]))

    def __iter__(self) -> Iterator[list[ClipKey]]:
        return (self.batch(number) for number in range(self.done, self.total))

    def __len__(self) -> int:
        return self.total


class BalancedStream(BatchStream):
    """A stream that draws a class for each position of a batch, then a video of this class.

    This is how Simonyan and Zisserman (NIPS 2014) sample the batches of their two-stream networks.
    The video at a position depends on the seed and the position alone.

    Args:
        labels: class index of each video.
        per_batch: number of videos in a batch, over all processes.
        total: number of batches in the whole run.
        seed: the run's seed.
    """

    def __init__(self, labels: Sequence[int], *, per_batch: int, total: int, seed: int) -> None:
        super().__init__(len(labels), per_batch=per_batch, total=total, seed=seed)
        found = np.asarray(labels)
        self.members = [np.flatnonzero(found == label) for label in np.unique(found)]

    def _key(self, place: int) -> ClipKey:
        rng = np.random.default_rng((self.seed, place))
        members = self.members[rng.integers(len(self.members))]
        # The position takes the place of the epoch: a video drawn again gets a new random clip.
        return ClipKey(place, int(members[rng.integers(len(members))]))


class ResumableLoader:
    """A loader that continues from the stream's position and can save that position.

    Lightning saves and restores the state of a loader that has ``state_dict``. Without it, a
    resumed run would read its data from the beginning again.

    Args:
        batches: the batches, from the stream's position on.
        stream: the stream that the batches come from.
    """

    def __init__(self, batches: Iterable[Sized], stream: BatchStream) -> None:
        self.batches = batches
        self.stream = stream
        self._running: Iterator[Sized] | None = None

    def __iter__(self) -> Iterator[Sized]:
        self._running = iter(self.batches)
        return self._running

    def close(self) -> None:
        """End the loading processes; a run that is stopped leaves batches unread."""
        if isinstance(self._running, Generator):
            self._running.close()

    def __len__(self) -> int:
        return len(self.stream)

    def state_dict(self) -> dict[str, int]:
        """Return the number of finished batches, without those that workers only prefetched."""
        return {"done": self.stream.done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue after the finished batches."""
        self.stream.done = state["done"]
