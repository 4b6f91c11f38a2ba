"""Changes of time: versions of a clip that differ in which frames are shown, and in their order.

The letters in this module are the frames of a clip in their true order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import permutations

import torch
from torch import Tensor

from selfvid.errors import InputError
from selfvid.saving.recorded import Recorded

_MOST_PIECES = 5  # 120 orders; with more there are too many versions of each clip to encode


class TimeChange(Recorded, ABC):
    """A rule that makes K versions of a clip, as numbers of its frames.

    Attributes:
        versions: names of the K versions.
        directed: whether a reversed clip has other versions than the clip: clips must then not be
            reversed at random before.
    """

    versions: tuple[str, ...]
    directed: bool = False

    def span(self, shown: int) -> int:
        """Return the frames T of a clip from which versions of `shown` frames are made.

        Raises:
            InputError: If no version can have this number of frames.
        """
        return shown

    @abstractmethod
    def frames(self, shown: int, *, clips: int) -> Tensor:
        """Return the frames that each version shows, in order: numbers from 0 to T - 1.

        Random numbers must come from torch's global generator: a resumed run then draws the same.

        Args:
            shown: frames of a version.
            clips: B.

        Returns:
            int64 (B, K, shown), or (1, K, shown) for the same versions of all clips.
        """


class Reversed(TimeChange):
    """The direction of time, after Wei, Lim, Zisserman and Freeman (CVPR 2018).

    ::

        forwards    a b c d
        backwards   d c b a
    """

    versions = ("forwards", "backwards")
    directed = True

    def frames(self, shown: int, *, clips: int) -> Tensor:
        """Return all frames in order, and in reverse order, (1, 2, shown)."""
        del clips
        forwards = torch.arange(shown)
        return torch.stack((forwards, forwards.flip(0)))[None]


class _Pieces(TimeChange):
    """Base of the changes that move equal pieces of a clip.

    Args:
        pieces: number of pieces.

    Raises:
        InputError: If there are too few pieces to be out of order, or too many to list all orders.
    """

    def __init__(self, pieces: int = 3) -> None:
        if not 3 <= pieces <= _MOST_PIECES:
            raise InputError(
                f"pieces of {type(self).__name__} are {pieces}; expected 3 to {_MOST_PIECES}: two "
                "in the other order are the clip played backwards"
            )
        self.pieces = pieces

    def span(self, shown: int) -> int:
        """Return the frames of a version, which must be a whole number for each piece."""
        if shown % self.pieces:
            raise InputError(
                f"{type(self).__name__} cuts {shown} frames into {self.pieces} pieces; expected a "
                "multiple"
            )
        return shown

    def _cut(self, orders: Sequence[tuple[int, ...]], shown: int) -> Tensor:
        """Return the frames of each of N orders of the pieces, (N, shown)."""
        pieces = torch.arange(self.span(shown)).view(self.pieces, -1)  # one row for each piece
        return pieces[torch.tensor(orders)].flatten(1)


class Shuffled(_Pieces):
    """Order verification, after Misra, Zitnick and Hebert (Shuffle and Learn, ECCV 2016).

    ::

        in order       a b c
        out of order   a c b   or b a c, b c a, c a b, drawn for each clip; c b a is not drawn

    The frames are the same in both versions. The paper has single frames, as here with one frame
    in each piece; longer pieces keep the motion within them.

    Args:
        pieces: number of equal pieces that a clip is cut into, 3 to 5.
    """

    versions = ("in order", "out of order")

    def __init__(self, pieces: int = 3) -> None:
        super().__init__(pieces)
        true = tuple(range(pieces))
        self.wrong = [each for each in permutations(true) if each not in (true, true[::-1])]

    def frames(self, shown: int, *, clips: int) -> Tensor:
        """Return all frames in order, and in a wrong order drawn for each clip, (B, 2, shown)."""
        wrong = self._cut(self.wrong, shown)[torch.randint(len(self.wrong), (clips,))]
        return torch.stack((torch.arange(shown).expand_as(wrong), wrong), 1)


class Sorted(_Pieces):
    """Order prediction, after Lee, Huang, Singh and Yang (Sorting Sequences, ICCV 2017).

    Each order of the pieces is a version, except that an order and its reverse are one::

        1 2 3   a b c
        1 3 2   a c b
        2 1 3   b a c

    Args:
        pieces: number of equal pieces that a clip is cut into, 3 to 5: 3, 12 or 60 versions.
    """

    def __init__(self, pieces: int = 3) -> None:
        super().__init__(pieces)
        self.orders = [each for each in permutations(range(pieces)) if each[0] < each[-1]]
        self.versions = tuple(" ".join(str(i + 1) for i in each) for each in self.orders)

    def frames(self, shown: int, *, clips: int) -> Tensor:
        """Return the frames in each of the K orders of the pieces, (1, K, shown)."""
        del clips
        return self._cut(self.orders, shown)[None]


class Sped(TimeChange):
    """Playback speed, after Benaim et al. (SpeedNet, CVPR 2020) and Wang et al. (ECCV 2020).

    Every version shows as many frames, and at speed k every k-th of the clip. All versions have the
    same middle, so that neither the place in the video nor what is shown there tells the speed::

        clip      a b c d e f g h i
        speed 1         d e f
        speed 2       c   e   g
        speed 4   a       e       i

    Args:
        speeds: distances of the shown frames, in frames of the clip, rising from 1.

    Raises:
        InputError: If there are fewer than two speeds, or they do not rise from 1.
    """

    def __init__(self, speeds: Sequence[int] = (1, 2, 4)) -> None:
        self.speeds = tuple(speeds)
        whole = all(isinstance(speed, int) for speed in self.speeds)
        if not whole or len(self.speeds) < 2 or self.speeds != tuple(sorted({1, *self.speeds})):
            raise InputError(
                f"speeds are {list(speeds)}; expected two or more whole numbers that rise from 1"
            )
        self.versions = tuple(f"speed {speed}" for speed in self.speeds)

    def span(self, shown: int) -> int:
        """Return the frames that the fastest version spans."""
        return (shown - 1) * self.speeds[-1] + 1

    def frames(self, shown: int, *, clips: int) -> Tensor:
        """Return the frames of each speed about the middle of the clip, (1, K, shown)."""
        del clips
        spans = [(shown - 1) * speed + 1 for speed in self.speeds]
        firsts = [(self.span(shown) - span) // 2 for span in spans]
        pairs = zip(firsts, self.speeds, strict=True)
        return torch.stack([first + speed * torch.arange(shown) for first, speed in pairs])[None]
