"""Timelines of a video: true and predicted activities, and their probabilities over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from selfvid.pictures.canvas import FAINT, INK, MUTED, SERIES, Picture, figure_of, pixels_of, short

# Colours of activities: the six that all readers can distinguish and six more; the thirteenth
# activity has the first colour again.
COLOURS = (*SERIES, "#8c6d31", "#7b3294", "#5254a3", "#637939", "#c51b7d", "#843c39")

_MOST_NAMED = 24  # activities in the legend, for which there is room beside the picture
# Seconds of a bar that a letter of its label needs, as a share of the duration of the video.
_LETTER = 0.014


@dataclass(frozen=True)
class Stretch:
    """An activity between two times.

    Attributes:
        start: when it starts, in seconds.
        end: when it ends, in seconds.
        label: name of the activity.
    """

    start: float
    end: float
    label: str


def timeline(
    rows: Sequence[tuple[str, Sequence[Stretch]]],
    chances: ArrayLike,
    seconds: ArrayLike,
    *,
    labels: Sequence[str],
    duration: float,
    title: str = "",
) -> Picture:
    """Draw rows of stretches, and below them the probability of each activity that occurs in them.

    Args:
        rows: name and stretches of each row, such as truth and prediction.
        chances: probability of each activity in each clip, (N, K).
        seconds: the middle of each clip in seconds, (N,).
        labels: names of the K activities; their order decides their colours.
        duration: duration of the video in seconds.
        title: title of the picture, such as the name of the video.
    """
    colour = {label: COLOURS[at % len(COLOURS)] for at, label in enumerate(labels)}
    occurring = {stretch.label for _, stretches in rows for stretch in stretches}
    shown = [label for label in labels if label in occurring]
    with figure_of((9.0, 1.7 + 0.4 * len(rows))) as figure:
        above, below = figure.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": [0.4 * len(rows), 1.3]}
        )
        _draw_rows(above, rows, colour, duration)
        table = np.asarray(chances, dtype=np.float64)
        for at, label in enumerate(labels):
            if label in occurring:
                below.plot(seconds, table[:, at], color=colour[label], linewidth=1.1)
        below.set_ylim(0, 1.02)
        below.set_xlim(0, duration)
        below.set_xlabel("seconds")
        below.set_ylabel("probability")
        below.grid(axis="y")
        above.set_title(title, loc="left", fontsize=9, color=MUTED)
        patches = [Patch(color=colour[label], label=short(label)) for label in shown[:_MOST_NAMED]]
        if patches:
            figure.legend(handles=patches, loc="outside right upper", fontsize=8)
        return pixels_of(figure)


def _draw_rows(
    axes: Axes,
    rows: Sequence[tuple[str, Sequence[Stretch]]],
    colour: dict[str, str],
    duration: float,
) -> None:
    places = range(len(rows))[::-1]
    for place, (_, stretches) in zip(places, rows, strict=True):
        axes.axhspan(place - 0.36, place + 0.36, color=FAINT, linewidth=0, zorder=0)
        for stretch in stretches:
            edge: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.8}
            width = stretch.end - stretch.start
            axes.barh(
                place, width, left=stretch.start, height=0.72, color=colour[stretch.label], **edge
            )
            # A label is written into its bar if it fits; the legend names the others.
            if width > _LETTER * duration * len(stretch.label):
                axes.text(
                    stretch.start + width / 2, place, short(stretch.label),
                    ha="center", va="center", color="white", fontsize=7,
                )  # fmt: skip
    axes.set_yticks(places, [name for name, _ in rows], color=INK)
    axes.set_ylim(-0.5, len(rows) - 0.5)
    axes.spines[:].set_visible(False)
