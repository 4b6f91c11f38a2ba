"""Which clips make up batch number k of a run: a function of the seed and k alone."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence, Sized

import numpy as np
from numpy.typing import NDArray

from selfvid.data.clips.dataset import ClipKey
from selfvid.errors import InputError


class BatchStream:
    """The keys of every batch of a run, in order.

    Videos are shuffled anew for each epoch and the epochs laid end to end; a batch is the next
    stretch of that line, so it may reach from one epoch into the next and no video is left over.

    ::

        epoch 0      epoch 1      epoch 2
        b d a c e    c e b a d    a ...
        [batch 0] [batch 1] [batch 2]

    With several processes each takes its own part of every batch.

    Args:
        videos: number of videos.
        per_batch: videos in a batch, over all processes.
        total: batches in the whole run.
        seed: the run's seed.

    Attributes:
        done: batches that training has finished with; iteration starts there.
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
        """The number that, with the seed, decides what is random about the batch under way."""
        return self.done

    def share_out(self, rank: int, world: int) -> None:
        """Keep the part of every batch that is for process `rank` of `world`.

        Raises:
            InputError: where a batch cannot be shared out evenly.
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
        """This process's keys of batch `number`."""
        first = number * self.per_batch
        places = range(first, first + self.per_batch)[self.share]
        return [self._key(place) for place in places]

    def _key(self, place: int) -> ClipKey:
        epoch, within = divmod(place, self.videos)
        if self._shuffled is None or self._shuffled[0] != epoch:
            order = np.random.default_rng((self.seed, epoch)).permutation(self.videos)
            self._shuffled = (epoch, order)
        return ClipKey(epoch, int(self._shuffled[1][within]))

    def __iter__(self) -> Iterator[list[ClipKey]]:
        return (self.batch(number) for number in range(self.done, self.total))

    def __len__(self) -> int:
        return self.total


class ResumableLoader:
    """Batches from where the stream stands.

    Lightning saves and restores the state of a loader that has one; without it a resumed run
    would begin its data again from the start.
    """

    def __init__(self, batches: Iterable[Sized], stream: BatchStream) -> None:
        self.batches = batches
        self.stream = stream
        self._running: Iterator[Sized] | None = None

    def __iter__(self) -> Iterator[Sized]:
        self._running = iter(self.batches)
        return self._running

    def close(self) -> None:
        """Let go of the workers: training ends before the batches do when it is stopped."""
        if isinstance(self._running, Generator):
            self._running.close()

    def __len__(self) -> int:
        return len(self.stream)

    def state_dict(self) -> dict[str, int]:
        """How many batches training has finished with, whatever workers have fetched ahead."""
        return {"done": self.stream.done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue behind the batches that were finished."""
        self.stream.done = state["done"]


class BalancedStream(BatchStream):
    """Each place of a batch draws a class, then a video of it, as two-stream's batches did.

    What stands at a place is a function of the seed and the place alone.

    Args:
        labels: class index of each video.
        per_batch: videos in a batch, over all processes.
        total: batches in the whole run.
        seed: the run's seed.
    """

    def __init__(self, labels: Sequence[int], *, per_batch: int, total: int, seed: int) -> None:
        super().__init__(len(labels), per_batch=per_batch, total=total, seed=seed)
        found = np.asarray(labels)
        self.members = [np.flatnonzero(found == label) for label in np.unique(found)]

    def _key(self, place: int) -> ClipKey:
        rng = np.random.default_rng((self.seed, place))
        members = self.members[rng.integers(len(self.members))]
        # The place stands for the epoch: a video that comes again is cut anew.
        return ClipKey(place, int(members[rng.integers(len(members))]))
