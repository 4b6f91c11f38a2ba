"""Probabilities along a video's clips to segments with a label and a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from selfvid.data.annotations.annotations import Assume
from selfvid.errors import InputError
from selfvid.detecting.smoothing import Ends, smoothed
from selfvid.heads.detection import BACKGROUND

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Segment:
    """A stretch of a video in which something goes on.

    Attributes:
        start: second.
        end: second.
        label: what it is.
        score: how sure that is.
    """

    start: float
    end: float
    label: str
    score: float


@dataclass(frozen=True)
class PostProcessing:
    """How probabilities become segments; the defaults are Montes et al.'s.

    Attributes:
        smooth: k of the mean filter, which averages 2 k clips.
        alpha: a clip in which something goes on with this probability, or more, is active.
        ends: of the mean filter.
        alphas: alpha of single activities, where several may go on at once.
    """

    smooth: int = 5
    alpha: float = 0.2
    ends: Ends = "whole"
    alphas: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.smooth < 0:
            raise InputError(f"smooth is {self.smooth}; expected 0 or more clips")
        for name, alpha in {"alpha": self.alpha, **self.alphas}.items():
            if not 0 < alpha <= 1:
                raise InputError(f"alpha of {name} is {alpha}; expected above 0, at most 1")
        if self.ends not in ("whole", "published"):
            raise InputError(f"ends is {self.ends!r}; expected whole or published")

    def check(self, labels: Sequence[str], assume: Assume) -> None:
        """Refuse single alphas that have no meaning.

        Raises:
            InputError: naming them.
        """
        unknown = sorted(set(self.alphas) - set(labels))
        if unknown:
            raise InputError(f"alphas name {unknown[0]!r}; expected some of {', '.join(labels)}")
        if self.alphas and assume != "overlapping":
            raise InputError(
                f"alphas has no meaning where activities are {assume}; expected alpha alone"
            )

    def segments(
        self, chances: Floats, spans: Floats, *, labels: Sequence[str], assume: Assume
    ) -> list[Segment]:
        """The segments of one video, in order of time.

        Args:
            chances: as the network gave them, (N, K + 1) with background first, or (N, K) where
                activities overlap.
            spans: seconds of each clip, (N, 2).
            labels: names of the K activities.
            assume: what may be taken for granted: with one_per_video active clips in a row are a
                segment of the video's likeliest activity; with one_at_a_time, of the likeliest
                one of each clip; with overlapping each activity has segments of its own.
        """
        values = smoothed(chances, half=self.smooth, ends=self.ends)
        found: list[Segment] = []
        for at, label in enumerate(labels):
            active = self._active(chances, values, at, label, assume)
            own = values[:, at if assume == "overlapping" else at + 1]
            found += [
                Segment(spans[first, 0], spans[past - 1, 1], label, float(own[first:past].mean()))
                for first, past in runs(active)
            ]
        return sorted(found, key=lambda segment: (segment.start, segment.end))

    def _active(
        self, chances: Floats, values: Floats, at: int, label: str, assume: Assume
    ) -> NDArray[np.bool_]:
        """In which clips activity number `at` goes on, (N,)."""
        if assume == "overlapping":
            return np.asarray(values[:, at] >= self.alphas.get(label, self.alpha))
        active = 1 - values[:, BACKGROUND] >= self.alpha
        if assume == "one_per_video":
            return active & bool(video_scores(chances, assume).argmax() == at)
        return np.asarray(active & (values[:, 1:].argmax(1) == at))


def video_scores(chances: Floats, assume: Assume) -> Floats:
    """What a whole video shows: the mean over clips, (K,), without background and to the sum 1."""
    means: Floats = chances.mean(0)
    if assume == "overlapping":
        return means
    return means[1:] / max(means[1:].sum(), np.finfo(np.float64).tiny)


def runs(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Beginning and end (behind the last) of each row of true values in (N,)."""
    steps = np.diff(np.concatenate([[0], active.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True))
