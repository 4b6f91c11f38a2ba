"""Long videos laid out in parallel streams, which are read window by window.

A recurrent state can then be carried from one window of a stream to the next. Below, videos a to f
are laid out in three streams with windows of three clips. The state is carried across the
beginnings of videos (reset "epoch")::

    stream 0   a a a | a a d | d d d        window k of a stream continues window k - 1
    stream 1   b b b | b e e | e e e
    stream 2   c c c | c c c | f f .        . is left over: padded, or discarded with its window

If the state starts from zero with each video (reset "video"), each video starts a new window::

    stream 0   a a a | a a . | d d d | d . .
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from selfvid.data.clips.dataset import ClipKey
from selfvid.errors import InputError
from selfvid.training.batches import BatchStream

Reset = Literal["video", "epoch"]
LeftOver = Literal["pad", "discard"]
Clips = NDArray[np.int64]
"""The number of a video and the number of a clip in it, (N, 2); -1 in padded places."""


@dataclass(frozen=True)
class ParallelStreams:
    """How videos are laid out in parallel streams for training.

    Attributes:
        window: number of consecutive clips of a stream in one training step.
        reset: when the state starts from zero: with each "video", as when the detector is used,
            or only with each "epoch", as Montes et al. trained.
        left_over: what happens to clips that do not fill a window: "pad" or "discard".
        shuffle: whether the videos are laid out in another order in each epoch.
    """

    window: int = 20
    reset: Reset = "video"
    left_over: LeftOver = "pad"
    shuffle: bool = True

    def __post_init__(self) -> None:
        if self.window < 1:
            raise InputError(f"window is {self.window}; expected at least 1 clip")
        if self.reset not in ("video", "epoch"):
            raise InputError(f"reset is {self.reset!r}; expected video or epoch")
        if self.left_over not in ("pad", "discard"):
            raise InputError(f"left_over is {self.left_over!r}; expected pad or discard")

    def windows(self, lengths: Sequence[int], order: Sequence[int], *, streams: int) -> Clips:
        """Return the clip at each place of W windows, (W, streams, window, 2).

        Each video is appended to the stream that is shortest so far.

        Args:
            lengths: number of clips of each video.
            order: the order in which the videos are laid out.
            streams: number of parallel streams.
        """
        parts: list[list[Clips]] = [[] for _ in range(streams)]
        filled = np.zeros(streams, np.int64)
        for video in order:
            clips = self._clips_of(video, lengths[video])
            shortest = int(filled.argmin())
            parts[shortest].append(clips)
            filled[shortest] += len(clips)
        if self.left_over == "discard":
            count = int(filled.min()) // self.window
        else:
            count = -(-int(filled.max()) // self.window)
        nothing = np.zeros((0, 2), np.int64)
        rows = [
            _padded(np.concatenate([nothing, *stream]), count * self.window) for stream in parts
        ]
        table = np.stack(rows).reshape(streams, count, self.window, 2)
        return table.transpose(1, 0, 2, 3)  # (W, streams, window, 2)

    def _clips_of(self, video: int, count: int) -> Clips:
        clips = np.stack((np.full(count, video), np.arange(count)), 1).astype(
            np.int64
        )  # (count, 2)
        if self.reset == "epoch":
            return clips
        if self.left_over == "discard":
            return clips[: count - count % self.window]
        return _padded(clips, count + -count % self.window)


class WindowStream(BatchStream):
    """The order of windows in a training run; batch by batch, one window of every stream.

    The windows of an epoch are the cells of a table. Cell (w, b), which is window w of stream b,
    has the index w x streams + b.

    Args:
        lengths: number of clips of each video.
        plan: how the videos are laid out.
        streams: number of parallel streams.
        total: number of batches in the whole run.
        seed: the run's seed.

    Raises:
        InputError: If there are too few clips for one window.
    """

    def __init__(
        self, lengths: Sequence[int], plan: ParallelStreams, *, streams: int, total: int, seed: int
    ) -> None:
        super().__init__(len(lengths), per_batch=streams, total=total, seed=seed)
        self.lengths, self.plan = lengths, plan
        self._ends: list[int] = []  # number of the first batch after each epoch
        self._table: tuple[int, Clips] | None = None  # the epoch that was used last
        if not len(self._epoch(0)):
            raise InputError(
                f"{sum(lengths)} clips in {streams} streams fill no window of {plan.window}; "
                "expected a smaller batch or window, or left_over pad"
            )

    def batch(self, number: int) -> list[ClipKey]:
        """Return this process's cells of batch `number`."""
        while not self._ends or self._ends[-1] <= number:
            before = self._ends[-1] if self._ends else 0
            self._ends.append(before + len(self._epoch(len(self._ends))))
        epoch = int(np.searchsorted(self._ends, number, side="right"))
        window = number - (self._ends[epoch - 1] if epoch else 0)
        cells = range(window * self.per_batch, (window + 1) * self.per_batch)
        return [ClipKey(epoch, cell) for cell in cells[self.share]]

    def clips(self, key: ClipKey) -> Clips:
        """Return the clips in a cell, (window, 2)."""
        window, stream = divmod(key.index, self.per_batch)
        return self._epoch(key.epoch)[window, stream]

    def begins(self, key: ClipKey) -> bool:
        """Return whether the state starts from zero with a cell."""
        if self.plan.reset == "epoch":
            return key.index < self.per_batch
        return bool(self.clips(key)[0, 1] == 0)

    def _epoch(self, epoch: int) -> Clips:
        """Return the table of an epoch, (W, streams, window, 2)."""
        if self._table is None or self._table[0] != epoch:
            order = np.arange(self.videos)
            if self.plan.shuffle:
                order = np.random.default_rng((self.seed, epoch)).permutation(self.videos)
            table = self.plan.windows(self.lengths, order.tolist(), streams=self.per_batch)
            self._table = (epoch, table)
        return self._table[1]


def _padded(clips: Clips, length: int) -> Clips:
    """Return the first `length` clips, padded at the end if there are fewer."""
    padded = np.full((length, 2), -1, np.int64)
    kept = clips[:length]
    padded[: len(kept)] = kept
    return padded
