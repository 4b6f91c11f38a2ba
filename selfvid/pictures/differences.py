"""Gains and losses side by side."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np

from selfvid.pictures.canvas import BAR, BLUE, INK, VERMILION, Picture, figure_of, pixels_of, short
from selfvid.pictures.charts import Bar

MOST = 120  # rows of a picture that can still be read
CLOSE = 40  # rows beyond which they are set closer


def differences(rows: Sequence[Bar], *, title: str, width: float = 6.4) -> Picture:
    """Horizontal bars left and right of zero, with intervals.

    Gains are blue and losses red where a row is strong, grey where it is not.

    Args:
        rows: shares, from top to bottom; of very many only both ends are drawn.
        title: what was taken from what.
        width: inches.
    """
    drawn = list(rows) if len(rows) <= MOST else [*rows[: MOST // 2], *rows[-MOST // 2 :]]
    step = 0.34 if len(drawn) <= CLOSE else 0.2
    with figure_of((width, 0.62 + step * len(drawn))) as figure:
        axes = figure.add_subplot()
        places = np.arange(len(drawn))[::-1]
        for place, row in zip(places, drawn, strict=True):
            colour = BLUE if row.value > 0 else VERMILION
            axes.barh(place, row.value, height=0.62, color=colour if row.strong else BAR)
            if row.low is not None and row.high is not None:
                axes.plot([row.low, row.high], [place] * 2, color=INK, linewidth=1.2)
        axes.axvline(0, color=INK, linewidth=1)
        reach = max([abs(end) for row in drawn for end in (row.value, row.low or 0, row.high or 0)])
        axes.set_xlim(-1.05 * max(reach, 0.05), 1.05 * max(reach, 0.05))
        axes.set_ylim(-0.55, len(drawn) - 0.45)
        size = None if len(drawn) <= CLOSE else 7
        axes.set_yticks(places, [short(row.name) for row in drawn], color=INK, fontsize=size)
        axes.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(_points))
        axes.grid(axis="x")
        axes.spines[:].set_visible(False)
        axes.set_xlabel(title)
        return pixels_of(figure)


def _points(share: float, _: int) -> str:
    return f"{100 * share:+.0f}" if round(100 * share) else "0"
