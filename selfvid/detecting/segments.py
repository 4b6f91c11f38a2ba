"""Post-processing: from probabilities along a video's clips to segments, pictures and files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from selfvid.data.annotations.annotations import Activity, Assume
from selfvid.data.manifest.tables import Cell, write_table
from selfvid.errors import InputError
from selfvid.heads.detection import BACKGROUND
from selfvid.pictures import Picture, Stretch, timeline
from selfvid.saving.whole import write_whole

JSON, CSV = "detections.json", "detections.csv"

Ends = Literal["whole", "published"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Segment:
    """A part of a video that shows an activity.

    Attributes:
        start: begin in seconds.
        end: end in seconds.
        label: the activity.
        score: the confidence.
    """

    start: float
    end: float
    label: str
    score: float


@dataclass(frozen=True)
class PostProcessing:
    """How probabilities become segments; the defaults are those of Montes et al.

    Attributes:
        smooth: k of the mean filter, which averages 2 k clips.
        alpha: a clip is active if the probability that any activity goes on is at least this.
        ends: how the mean filter treats the last clip; see `smoothed`.
        alphas: alpha of single activities, if several may go on at the same time.
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
        """Check that the alphas of single activities have a meaning.

        Raises:
            InputError: If one names no activity, or activities do not overlap.
        """
        unknown = sorted(set(self.alphas) - set(labels))
        if unknown:
            raise InputError(f"alphas name {unknown[0]!r}; expected some of {', '.join(labels)}")
        if self.alphas and assume != "overlapping":
            raise InputError(
                f"alphas has no meaning if activities are {assume}; expected alpha alone"
            )

    def segments(
        self, chances: Floats, spans: Floats, *, labels: Sequence[str], assume: Assume
    ) -> list[Segment]:
        """Return the segments of one video, in order of time.

        Args:
            chances: the probabilities that the network gave, (N, K + 1) with background first, or
                (N, K) if activities may overlap.
            spans: begin and end of each clip in seconds, (N, 2).
            labels: names of the K activities.
            assume: which activity the active clips belong to. With one_per_video it is the
                likeliest activity of the whole video, with one_at_a_time the likeliest activity of
                each clip; with overlapping each activity has its own active clips. Active clips in
                a row make a segment.
        """
        values = smoothed(chances, half=self.smooth, ends=self.ends)
        segments: list[Segment] = []
        for number, label in enumerate(labels):
            active = self._active(chances, values, number, label, assume)
            own = values[:, number if assume == "overlapping" else number + 1]
            segments += [
                Segment(spans[first, 0], spans[past - 1, 1], label, float(own[first:past].mean()))
                for first, past in runs(active)
            ]
        return sorted(segments, key=lambda segment: (segment.start, segment.end))

    def _active(
        self, chances: Floats, values: Floats, number: int, label: str, assume: Assume
    ) -> NDArray[np.bool_]:
        """Return in which clips activity `number` goes on, (N,)."""
        if assume == "overlapping":
            return np.asarray(values[:, number] >= self.alphas.get(label, self.alpha))
        active = 1 - values[:, BACKGROUND] >= self.alpha
        if assume == "one_per_video":
            return active & bool(video_scores(chances, assume).argmax() == number)
        return np.asarray(active & (values[:, 1:].argmax(1) == number))


def smoothed(values: Floats, *, half: int, ends: Ends = "whole") -> Floats:
    """Return, for each i, the mean of the 2 x `half` values from i - half to i + half - 1.

    At the ends of the video the window is shorter. With ends "published" it never contains the
    last clip::

        half 1, clips a b c    whole: a, ab, bc    published: a, ab, b

    Args:
        values: (N, ...).
        half: half the width of the window; 0 leaves the values as they are.
        ends: "whole" uses all clips; "published" leaves the last clip out of every mean, as the
            authors' code did. A video of one clip stays as it is (the authors' code divides zero
            by zero there).
    """
    count = len(values)
    if half == 0 or count < 2:
        return values
    last = count if ends == "whole" else count - 1
    places = np.arange(count)
    first, past = np.maximum(places - half, 0), np.minimum(places + half, last)
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    width = (past - first).reshape(-1, *[1] * (values.ndim - 1))  # (N, 1, ...)
    means: Floats = (sums[past] - sums[first]) / width
    return means


def video_scores(chances: Floats, assume: Assume) -> Floats:
    """Return the score of each activity for a whole video, (K,).

    It is the mean over clips. If activities do not overlap, background is left out and the others
    are divided by their sum.
    """
    means: Floats = chances.mean(0)
    if assume == "overlapping":
        return means
    return means[1:] / max(means[1:].sum(), np.finfo(np.float64).tiny)


def runs(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first index and the index after the last of each run of true values in (N,)."""
    steps = np.diff(np.concatenate([[0], active.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True))


def draw_timeline(
    chances: Floats,
    spans: Floats,
    found: Sequence[Segment],
    *,
    truth: Sequence[Activity] | None,
    labels: Sequence[str],
    title: str,
) -> Picture:
    """Draw the true segments, the detected segments and the probabilities over seconds.

    Args:
        chances: smoothed probabilities, (N, K + 1) with background first, or (N, K).
        spans: begin and end of each clip in seconds, (N, 2).
        found: the detected segments.
        truth: the activities of the video; None if they are unknown.
        labels: names of the K activities.
        title: title of the picture.
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


def write_detections(found: Mapping[str, Sequence[Segment]], folder: Path, *, encoder: str) -> None:
    """Write the segments as detections.json, in ActivityNet's scheme, and as detections.csv.

    Each file is written completely or not at all.

    Args:
        found: the segments of each video, by name of the video.
        folder: an existing folder.
        encoder: what the vectors of the clips come from, in words.
    """
    results = {
        video: [
            {
                "label": each.label,
                "score": round(each.score, 6),
                "segment": [round(each.start, 3), round(each.end, 3)],
            }
            for each in sorted(segments, key=lambda each: -each.score)
        ]
        for video, segments in found.items()
    }
    write_results(results, folder / JSON, encoder=encoder)
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


def write_results(results: Mapping[str, list[Any]], path: Path, *, encoder: str) -> None:
    """Write what was found in each video as JSON in ActivityNet's scheme."""
    plain = {
        "version": "VERSION 1.3",
        "results": results,
        "external_data": {"used": True, "details": encoder},
    }
    write_whole(path, json.dumps(plain, indent=1) + "\n")


class _Span(Protocol):
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def label(self) -> str: ...


def _stretches(spans: Iterable[_Span]) -> list[Stretch]:
    return [Stretch(each.start, each.end, each.label) for each in spans]
