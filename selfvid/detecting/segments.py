"""Probabilities along a video's clips to segments with a label and a score."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from selfvid.data.annotations.annotations import Activity, Assume
from selfvid.data.manifest.tables import Cell, write_table
from selfvid.errors import InputError
from selfvid.heads.detection import BACKGROUND
from selfvid.pictures import Picture, Stretch, timeline
from selfvid.saving.whole import write_whole

Ends = Literal["whole", "published"]


def smoothed(
    values: NDArray[np.float64], *, half: int, ends: Ends = "whole"
) -> NDArray[np.float64]:
    """The mean of the 2 x `half` values from i - half up to, but without, i + half, for each i.

    At the ends of the video the window is shorter. As published it never reaches the last clip::

        half 1, clips a b c    whole: a, ab, bc    published: a, ab, b

    Args:
        values: (N, ...).
        half: half the width of the window; 0 leaves the values as they are.
        ends: "published" leaves the last clip out of every mean; one clip alone stays as it is
            (the published code divides zero by zero there).
    """
    count = len(values)
    if half == 0 or count < 2:
        return values
    last = count if ends == "whole" else count - 1
    places = np.arange(count)
    first, past = np.maximum(places - half, 0), np.minimum(places + half, last)
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    width = (past - first).reshape(-1, *[1] * (values.ndim - 1))
    means: NDArray[np.float64] = (sums[past] - sums[first]) / width
    return means


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


class _Span(Protocol):
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def label(self) -> str: ...


def draw_timeline(
    chances: NDArray[np.float64],
    spans: NDArray[np.float64],
    found: Sequence[Segment],
    *,
    truth: Sequence[Activity] | None,
    labels: Sequence[str],
    title: str,
) -> Picture:
    """Truth where it is known, prediction, and smoothed probabilities over seconds.

    Args:
        chances: (N, K + 1) with background first, or (N, K).
        spans: seconds of each clip, (N, 2).
        found: what was found.
        truth: what the video shows, or None where nobody knows.
        labels: names of the K activities.
        title: which video.
    """
    rows = [] if truth is None else [("truth", _stretches(truth))]
    rows.append(("prediction", _stretches(found)))
    return timeline(
        rows,
        chances[:, -len(labels) :],
        spans.mean(axis=1),
        labels=labels,
        duration=float(spans[-1, 1]),
        title=title,
    )


def _stretches(spans: Iterable[_Span]) -> list[Stretch]:
    return [Stretch(each.start, each.end, each.label) for each in spans]


JSON, CSV = "detections.json", "detections.csv"


def write_detections(found: Mapping[str, Sequence[Segment]], folder: Path, *, encoder: str) -> None:
    """Write both files, each whole or not at all.

    Args:
        found: segments by the name of their video.
        folder: which exists.
        encoder: what the vectors came from, in words.
    """
    plain = {
        "version": "VERSION 1.3",
        "results": {
            video: [
                {
                    "label": each.label,
                    "score": round(each.score, 6),
                    "segment": [round(each.start, 3), round(each.end, 3)],
                }
                for each in sorted(segments, key=lambda each: -each.score)
            ]
            for video, segments in found.items()
        },
        "external_data": {"used": True, "details": encoder},
    }
    write_whole(folder / JSON, json.dumps(plain, indent=1) + "\n")
    columns = ["video", "start", "end", "label", "score"]
    lines: list[dict[str, Cell]] = [
        {
            "video": video,
            "start": round(each.start, 3),
            "end": round(each.end, 3),
            "label": each.label,
            "score": round(each.score, 6),
        }
        for video, segments in found.items()
        for each in segments
    ]
    write_table(folder / CSV, columns, lines)
