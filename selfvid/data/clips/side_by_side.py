"""Two data sets behind one loader, so that one set of workers reads both in a fixed order."""

from __future__ import annotations

from dataclasses import replace

from torch.utils.data import Dataset

from selfvid.data.clips.dataset import ClipDataset, ClipKey, Loaded
from selfvid.data.video.watch import Board
from selfvid.types import Clip


class SideBySide(Dataset[Loaded]):
    """The items of `first`, and behind them those of `second`.

    Args:
        first: items 0 to N - 1.
        second: items N and up; as its own they begin with 0.
        classes: number of classes of `first`, where both are labelled: labels of the second, too,
            count on from those of the first.
    """

    def __init__(self, first: ClipDataset, second: ClipDataset, *, classes: int = 0) -> None:
        self.first, self.second, self.classes = first, second, classes

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitem__(self, key: ClipKey | int) -> Loaded:
        """The clips of one video, as the data set that it belongs to gives them."""
        key = key if isinstance(key, ClipKey) else ClipKey(0, key)
        if key.index < len(self.first):
            return self.first[key]
        loaded = self.second[replace(key, index=key.index - len(self.first))]
        return replace(loaded, clips=[self._counted_on(clip) for clip in loaded.clips])

    def _counted_on(self, clip: Clip) -> Clip:
        return clip if clip.label is None else replace(clip, label=clip.label + self.classes)

    @property
    def board(self) -> Board | None:
        """Where workers note what they are reading."""
        return self.first.board

    @board.setter
    def board(self, board: Board | None) -> None:
        self.first.board = self.second.board = board
