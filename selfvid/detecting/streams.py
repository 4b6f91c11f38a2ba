"""Long videos in streams side by side, read window by window, so that a state can be carried on.

Three streams, windows of three clips, state run on over the beginnings of videos::

    stream 0   a a a | a a d | d d d        window k of a stream continues window k - 1
    stream 1   b b b | b e e | e e e
    stream 2   c c c | c c c | f f .        . is left over: padded, or discarded with its window

With a state that begins anew with each video, videos begin with a window::

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
"""Numbers of a video and of a clip in it, (N, 2); -1 where there is none."""


@dataclass(frozen=True)
class ParallelStreams:
    """How videos are laid out for training.

    Attributes:
        window: clips of a stream that make one step.
        reset: where the state begins anew: with each "video", as in use, or only with each
            "epoch", as Montes et al. trained.
        left_over: clips that fill no window are padded to one, or "discard".
        shuffle: whether videos are laid out in another order in each epoch.
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
        """Which clip stands where, (W, streams, window, 2).

        Each video goes to the stream that is shortest so far.

        Args:
            lengths: clips of each video.
            order: in which videos are laid out.
            streams: how many lie side by side.
        """
        found: list[list[Clips]] = [[] for _ in range(streams)]
        filled = np.zeros(streams, np.int64)
        for video in order:
            clips = self._clips_of(video, lengths[video])
            shortest = int(filled.argmin())
            found[shortest].append(clips)
            filled[shortest] += len(clips)
        discard = self.left_over == "discard"
        count = (
            int(filled.min()) // self.window if discard else -(-int(filled.max()) // self.window)
        )
        nothing = np.zeros((0, 2), np.int64)
        rows = [
            _padded(np.concatenate([nothing, *stream]), count * self.window) for stream in found
        ]
        laid = np.stack(rows).reshape(streams, count, self.window, 2)
        return laid.transpose(1, 0, 2, 3)

    def _clips_of(self, video: int, count: int) -> Clips:
        clips = np.stack((np.full(count, video), np.arange(count)), 1).astype(np.int64)
        if self.reset == "epoch":
            return clips
        if self.left_over == "discard":
            return clips[: count - count % self.window]
        return _padded(clips, count + -count % self.window)


class WindowStream(BatchStream):
    """The windows of every stream, step by step, as cells of a table for each epoch.

    Cell (w, b) has the index w x streams + b: stream b's part of window w.

    Args:
        lengths: clips of each video.
        plan: how they are laid out.
        streams: how many lie side by side.
        total: steps in the whole run.
        seed: the run's seed.

    Raises:
        InputError: where there are too few clips for one window.
    """

    def __init__(
        self, lengths: Sequence[int], plan: ParallelStreams, *, streams: int, total: int, seed: int
    ) -> None:
        super().__init__(len(lengths), per_batch=streams, total=total, seed=seed)
        self.lengths, self.plan = lengths, plan
        self._ends: list[int] = []  # number of the first batch behind each epoch
        self._laid: tuple[int, Clips] | None = None
        if not len(self._epoch(0)):
            raise InputError(
                f"{sum(lengths)} clips in {streams} streams fill no window of {plan.window}; "
                "expected a smaller batch or window, or left_over pad"
            )

    def batch(self, number: int) -> list[ClipKey]:
        """This process's cells of batch `number`."""
        while not self._ends or self._ends[-1] <= number:
            before = self._ends[-1] if self._ends else 0
            self._ends.append(before + len(self._epoch(len(self._ends))))
        epoch = int(np.searchsorted(self._ends, number, side="right"))
        window = number - (self._ends[epoch - 1] if epoch else 0)
        cells = range(window * self.per_batch, (window + 1) * self.per_batch)
        return [ClipKey(epoch, cell) for cell in cells[self.share]]

    def clips(self, key: ClipKey) -> Clips:
        """The clips in a cell, (window, 2)."""
        window, stream = divmod(key.index, self.per_batch)
        return self._epoch(key.epoch)[window, stream]

    def begins(self, key: ClipKey) -> bool:
        """Whether the state begins anew with a cell."""
        if self.plan.reset == "epoch":
            return key.index < self.per_batch
        return bool(self.clips(key)[0, 1] == 0)

    def _epoch(self, epoch: int) -> Clips:
        if self._laid is None or self._laid[0] != epoch:
            order = np.arange(self.videos)
            if self.plan.shuffle:
                order = np.random.default_rng((self.seed, epoch)).permutation(self.videos)
            laid = self.plan.windows(self.lengths, order.tolist(), streams=self.per_batch)
            self._laid = (epoch, laid)
        return self._laid[1]


def _padded(clips: Clips, length: int) -> Clips:
    """The first `length` clips, with none behind them where there are fewer."""
    padded = np.full((length, 2), -1, np.int64)
    kept = clips[:length]
    padded[: len(kept)] = kept
    return padded
