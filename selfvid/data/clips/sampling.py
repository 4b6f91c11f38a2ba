"""Rules that choose which frames of a video make a clip.

The pictures in this module have one character per frame of the video: a letter for a frame of a
clip, and a dot for a frame that is skipped. T = 4 frames at stride 3 span (T - 1) * 3 + 1 = 10::

    video  . . . A . . B . . C . . D . . .
                 |<---- span 10 ---->|
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from selfvid.errors import InputError

Short = Literal["repeat_last", "loop", "skip"]
Indices = NDArray[np.int64]

# Seconds. Readers round times differently, some to single precision; frames are further apart.
_SAME_TIME = 1e-3


@dataclass(frozen=True, eq=False)
class Timeline:
    """The times at which the frames of a video, or of a segment of it, are shown.

    Attributes:
        frames: number of frames of the whole video.
        rate: frames per second.
        times: seconds from the first frame, rising, float64 (frames,); None if they are not
            known, and then frame i is shown at i / rate.
        start: first second of the segment, or None for the beginning.
        end: last second of the segment, or None for the end.
    """

    frames: int
    rate: float
    times: NDArray[np.float64] | None = None
    start: float | None = None
    end: float | None = None

    @property
    def seconds(self) -> NDArray[np.float64]:
        """The time of every frame of the whole video in seconds, (frames,)."""
        return np.arange(self.frames) / self.rate if self.times is None else self.times

    @property
    def bounds(self) -> tuple[int, int]:
        """The segment as frame numbers: its first frame, and one past its last frame.

        A segment between two frames, or after the end of the video, has no frames: the two
        numbers are equal.
        """
        first = 0 if self.start is None else self.frames_until(self.start - 2 * _SAME_TIME)
        past = self.frames if self.end is None else self.frames_until(self.end)
        return first, max(first, past)

    def frames_until(self, second: float) -> int:
        """Return how many frames are shown up to and including `second`."""
        return int(np.searchsorted(self.seconds, second + _SAME_TIME, side="right"))


class Sampling(ABC):
    """A rule that chooses clips from a timeline."""

    @property
    @abstractmethod
    def length(self) -> int:
        """The number of frames T of every clip."""

    @abstractmethod
    def choose(self, timeline: Timeline, rng: np.random.Generator) -> Indices:
        """Return the frame numbers of the clips, int64 (clips, T); (0, T) skips the video."""

    def fits(self, timeline: Timeline) -> bool:
        """Return whether a whole clip fits, so that no frame is repeated to fill it."""
        first, past = timeline.bounds
        return past - first >= self.length


@dataclass(frozen=True)
class _Window(Sampling):
    """Base of the rules whose clips are T evenly spaced frames."""

    frames: int = 16
    stride: int = 1
    fps: float | None = None
    short: Short = "repeat_last"

    def __post_init__(self) -> None:
        _at_least(self, "frames", 1)
        _at_least(self, "stride", 1)
        if self.short not in ("repeat_last", "loop", "skip"):
            raise InputError(f"short is {self.short!r}; expected repeat_last, loop or skip")
        if self.fps is None:
            return
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise InputError(f"fps is {self.fps}; expected more than 0 frames per second")
        if self.stride != 1:
            raise InputError(
                f"stride is {self.stride} and fps is {self.fps}; expected one of the two"
            )

    @property
    def length(self) -> int:
        """The number of frames T of every clip."""
        return self.frames

    def choose(self, timeline: Timeline, rng: np.random.Generator) -> Indices:
        """Return the frame numbers of the clips, int64 (clips, T); (0, T) skips the video."""
        first, past = timeline.bounds
        last_start = self._last_start(timeline, first, past)
        if past == first or (last_start is None and self.short == "skip"):
            return np.zeros((0, self.frames), np.int64)
        starts = self._starts(first, first if last_start is None else last_start, rng)
        return np.stack([self._clip(timeline, int(start), past) for start in starts])

    def fits(self, timeline: Timeline) -> bool:
        """Return whether a whole clip fits at the stride or frame rate of the clips."""
        return self._last_start(timeline, *timeline.bounds) is not None

    @abstractmethod
    def _starts(self, first: int, last: int, rng: np.random.Generator) -> Indices:
        """Return the first frame of each window, from `first` to `last`, int64 (windows,)."""

    def _last_start(self, timeline: Timeline, first: int, past: int) -> int | None:
        """Return the last frame at which a whole clip can begin, or None if none fits."""
        if past == first:
            return None
        if self.fps is None:
            last = past - 1 - (self.frames - 1) * self.stride
        else:
            room = timeline.seconds[past - 1] - (self.frames - 1) / self.fps
            last = timeline.frames_until(room) - 1
        return last if last >= first else None

    def _clip(self, timeline: Timeline, start: int, past: int) -> Indices:
        """Return the frame numbers (T,) of the clip that begins at `start`."""
        steps = np.arange(self.frames)
        if self.fps is None:
            wanted = start + steps * self.stride
        else:
            seconds = timeline.seconds
            instants = seconds[start] + steps / self.fps
            wanted = np.searchsorted(seconds, instants + _SAME_TIME, side="right") - 1
            beyond = instants > seconds[past - 1] + 1 / timeline.rate - _SAME_TIME
            wanted = np.where(beyond, past, wanted)
        inside = wanted < past
        if inside.all():
            return wanted.astype(np.int64)
        if self.short == "loop":
            return np.resize(wanted[inside], self.frames).astype(np.int64)
        return np.where(inside, wanted, wanted[inside][-1]).astype(np.int64)


@dataclass(frozen=True)
class RandomClips(_Window):
    """Clips that begin at a random frame; all frames at which a clip fits are equally likely.

    Two clips of 3 frames at stride 2; clips may overlap::

        video  . A . A . A . B . B . B .

    Attributes:
        frames: T, frames in a clip.
        stride: distance between a clip's frames, in frames of the video.
        fps: frames per second of the clip, chosen by presentation time, in place of stride.
        short: what happens if the video is shorter than a clip: "repeat_last" repeats the last
            frame that fits (A B C C C), "loop" begins again (A B C A B), "skip" skips the video.
        clips: clips from each video.
    """

    clips: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least(self, "clips", 1)

    def _starts(self, first: int, last: int, rng: np.random.Generator) -> Indices:
        return rng.integers(first, last + 1, size=self.clips)


@dataclass(frozen=True)
class PairedClips(RandomClips):
    """Pairs of random windows that are near one another, each pair as one clip.

    The second window begins at most `apart` frames of the video before or after the first one, so
    they may overlap. A pair of windows of 3 frames at stride 2, which make a clip of 6 frames::

        video  . A . A B A B . B . . . .        clip  A A A B B B

    Attributes:
        frames: frames in each window; a clip has T = 2 * frames.
        stride: distance between a window's frames, in frames of the video.
        fps: frames per second of a window, chosen by presentation time, in place of stride.
        short: "repeat_last", "loop" or "skip", as for RandomClips.
        clips: pairs from each video.
        apart: largest distance between the beginnings of the two windows, in frames of the video.
    """

    apart: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least(self, "apart", 0)

    @property
    def length(self) -> int:
        """The number of frames T of every clip: those of both windows."""
        return 2 * self.frames

    def choose(self, timeline: Timeline, rng: np.random.Generator) -> Indices:
        """Return the frame numbers of the pairs, int64 (clips, T); (0, T) skips the video."""
        windows = super().choose(timeline, rng)  # (2 * clips, frames) or (0, frames)
        return windows.reshape(-1, self.length)

    def _starts(self, first: int, last: int, rng: np.random.Generator) -> Indices:
        one = super()._starts(first, last, rng)  # (clips,)
        low, high = np.maximum(one - self.apart, first), np.minimum(one + self.apart, last)
        return np.stack((one, rng.integers(low, high + 1)), 1).ravel()


@dataclass(frozen=True)
class EvenClips(_Window):
    """Clips whose beginnings are evenly spaced along the video; nothing is random.

    A single clip is cut from the middle. The first of several clips begins with the video and
    the last one ends with it. Three clips of 3 frames at stride 1 from 13 frames::

        video  A A A . . B B B . . C C C

    Attributes:
        frames: T, frames in a clip.
        stride: distance between a clip's frames, in frames of the video.
        fps: frames per second of the clip, chosen by presentation time, in place of stride.
        short: "repeat_last", "loop" or "skip", as for RandomClips.
        clips: clips from each video.
    """

    clips: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least(self, "clips", 1)

    def _starts(self, first: int, last: int, rng: np.random.Generator) -> Indices:  # noqa: ARG002
        if self.clips == 1:
            return np.array([(first + last) // 2])
        return np.linspace(first, last, self.clips).round().astype(np.int64)


@dataclass(frozen=True)
class DenseClips(_Window):
    """Windows along the whole video, one every `hop` frames.

    Windows of 4 frames at hop 2 from 9 frames; only windows that fit whole are taken::

        video  0 1 2 3 4 5 6 7 8
               A A A A
                   B B B B
                       C C C C

    Attributes:
        frames: T, frames in a clip.
        stride: distance between a clip's frames, in frames of the video.
        fps: frames per second of the clip, chosen by presentation time, in place of stride.
        short: "repeat_last", "loop" or "skip", as for RandomClips.
        hop: distance between the beginnings of neighbouring windows, in frames of the video.
        to_end: whether one more window (here frames 5 to 8) is added if no other window ends
            with the video.
    """

    hop: int = 8
    to_end: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least(self, "hop", 1)

    def _starts(self, first: int, last: int, rng: np.random.Generator) -> Indices:  # noqa: ARG002
        starts = np.arange(first, last + 1, self.hop)
        return np.append(starts, last) if self.to_end and starts[-1] < last else starts


@dataclass(frozen=True)
class WholeVideo(Sampling):
    """One clip whose frames are evenly spaced along the whole video, or along its segment.

    The video is divided into T parts of equal length, and the middle frame of each is taken;
    4 frames from 12::

        video  . A . . B . . C . . D .
               |     |     |     |     |

    Of a video with fewer than T frames, some frames are taken more than once.

    Attributes:
        frames: T, frames in the clip.
    """

    frames: int = 16

    def __post_init__(self) -> None:
        _at_least(self, "frames", 1)

    @property
    def length(self) -> int:
        """The number of frames T of the clip."""
        return self.frames

    def choose(self, timeline: Timeline, rng: np.random.Generator) -> Indices:  # noqa: ARG002
        """Return the frame numbers of the clip, int64 (1, T); (0, T) if there are no frames."""
        first, past = timeline.bounds
        if past == first:
            return np.zeros((0, self.frames), np.int64)
        # Integer arithmetic, so that the middle of a part is the same on every machine.
        middles = (2 * np.arange(self.frames) + 1) * (past - first) - 1
        return (first + middles // (2 * self.frames))[None].astype(np.int64)


def _at_least(sampling: object, name: str, least: int) -> None:
    value = getattr(sampling, name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(
            f"{name} of {type(sampling).__name__} is {value!r}; "
            f"expected a whole number of {least} or more"
        )
