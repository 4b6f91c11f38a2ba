"""Which activities untrimmed videos show, and when."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selfvid.errors import InputError

Assume = Literal["one_per_video", "one_at_a_time", "overlapping"]
"""What may be taken for granted of activities: all of one video are the same, as Montes et al.
have it; or they follow one another; or neither."""

ASSUMPTIONS: tuple[Assume, ...] = ("one_per_video", "one_at_a_time", "overlapping")


@dataclass(frozen=True)
class Activity:
    """Something that goes on for a while.

    Attributes:
        start: second at which it begins.
        end: second at which it is over.
        label: what it is.
        place: where the list of annotations says so.
    """

    start: float
    end: float
    label: str
    place: str = ""


@dataclass(frozen=True)
class AnnotatedVideo:
    """One untrimmed video.

    Attributes:
        name: by which the list of annotations calls it.
        path: where it should lie.
        activities: in order of time.
        split: "train", "test", "val" or "".
        group: videos of one group never straddle a split; "" where the video stands alone.
        duration: seconds, as the list says; None where it does not.
        place: where the list speaks of it first.
    """

    name: str
    path: Path
    activities: tuple[Activity, ...]
    split: str = ""
    group: str = ""
    duration: float | None = None
    place: str = ""


@dataclass(frozen=True)
class Annotations:
    """Untrimmed videos and what they show.

    Attributes:
        source: the file that says so.
        videos: in its order.
        known: labels that there are by the file's own word; empty where it does not say.
    """

    source: Path
    videos: tuple[AnnotatedVideo, ...]
    known: frozenset[str] = frozenset()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that occur, in alphabetical order."""
        found = {activity.label for video in self.videos for activity in video.activities}
        return tuple(sorted(found))


def check_assumption(assume: str) -> None:
    """Raise an InputError unless `assume` is one of `ASSUMPTIONS`."""
    if assume not in ASSUMPTIONS:
        raise InputError(f"assume is {assume!r}; expected one of {', '.join(ASSUMPTIONS)}")
