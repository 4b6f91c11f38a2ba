"""A picture of what was found along a video, beside what it shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from selfvid.data.annotations.annotations import Activity
from selfvid.detecting.segments import Segment
from selfvid.pictures import Picture, Stretch, timeline


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
