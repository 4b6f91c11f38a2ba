"""Charts of numbers: curves, bars, differences, confusion matrices, heat maps and scatter plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from selfvid.pictures.canvas import (
    BAR,
    BLUE,
    FAINT,
    INK,
    MUTED,
    SERIES,
    SKY,
    VERMILION,
    Picture,
    figure_of,
    pixels_of,
    short,
)

MOST = 120  # rows of a bar chart; more cannot be read
CLOSE = 40  # rows beyond which bars are closer together and labels smaller


@dataclass(frozen=True)
class Curve:
    """A line of a chart, with an interval around it if `low` and `high` are given.

    Attributes:
        name: name in the legend.
        x: positions on the horizontal axis.
        y: value at each position.
        low: lower end of the interval at each position, or None.
        high: upper end of the interval at each position, or None.
        plain: whether the line is thin and grey, as a baseline to compare with.
        thin: whether the line is thin but has a colour, as one of several baselines.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    plain: bool = False
    thin: bool = False


@dataclass(frozen=True)
class Bar:
    """A row of a bar chart.

    Attributes:
        name: name of what was measured.
        value: the measured value.
        low: lower end of its interval, or None.
        high: upper end of its interval, or None.
        strong: whether the bar is coloured, because it is what the picture is about.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    strong: bool = False


def curves(
    lines: Sequence[Curve],
    *,
    x: str,
    y: str,
    level: tuple[str, float] | None = None,
    percent: bool = False,
    ticks: Sequence[float] | None = None,
    size: tuple[float, float] = (6.4, 3.2),
) -> Picture:
    """Draw lines over a common axis.

    Args:
        lines: the lines, the important ones last.
        x: name of the horizontal axis.
        y: name of the vertical axis.
        level: name and height of a dashed horizontal line, such as chance.
        percent: whether y values are shares, to be labelled as percentages.
        ticks: positions that are marked on a logarithmic x axis; None draws a linear axis.
        size: width and height in inches.
    """
    with figure_of(size) as figure:
        axes = figure.add_subplot()
        # Thick lines get their colours first, so that baselines do not change them.
        colours = iter(SERIES * len(lines))
        coloured = [line for line in lines if not line.plain]
        ranked = sorted(coloured, key=lambda line: line.thin)
        colour_of = {id(line): colour for line, colour in zip(ranked, colours, strict=False)}
        for line in lines:
            _draw_curve(axes, line, colour_of.get(id(line), BAR))
        if level is not None:
            axes.axhline(level[1], color=MUTED, linewidth=1, linestyle=(0, (2, 3)), zorder=0)
            axes.annotate(
                level[0], (1, level[1]), xycoords=("axes fraction", "data"), fontsize=8,
                xytext=(0, 3), textcoords="offset points", ha="right", color=MUTED,
            )  # fmt: skip
        axes.set_xlabel(x)
        axes.set_title(y, loc="left", fontsize=9, color=MUTED)
        axes.grid(axis="y")
        axes.spines["left"].set_visible(False)
        if percent:
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, symbol=" %"))
        if ticks is not None:
            axes.set_xscale("log")
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
            axes.xaxis.set_minor_locator(mpl.ticker.NullLocator())
        if len(lines) > 1:
            drawn = sorted(axes.get_lines()[: len(lines)], key=lambda line: -line.get_linewidth())
            axes.legend(handles=drawn, loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0)
        return pixels_of(figure)


def bars(
    rows: Sequence[Bar], *, chance: float | None = None, width: float = 6.4, title: str = ""
) -> Picture:
    """Draw horizontal bars of shares with their intervals, and a vertical line at chance.

    Args:
        rows: the bars, from top to bottom.
        chance: accuracy of guessing, or None to leave the line out.
        width: width in inches.
        title: name of the horizontal axis.
    """
    with figure_of((width, 0.62 + 0.34 * len(rows))) as figure:
        axes = figure.add_subplot()
        places = np.arange(len(rows))[::-1]
        for place, row in zip(places, rows, strict=True):
            axes.barh(place, row.value, height=0.62, color=BLUE if row.strong else BAR)
            end = row.value
            if row.low is not None and row.high is not None:
                axes.plot([row.low, row.high], [place] * 2, color=INK, linewidth=1.2)
                end = max(end, row.high)
            axes.annotate(
                f"{100 * row.value:.1f} %", (end, place), xytext=(5, 0), textcoords="offset points",
                va="center", color=INK, weight="bold" if row.strong else "normal",
            )  # fmt: skip
        if chance is not None:
            axes.axvline(chance, color=VERMILION, linewidth=1.2, linestyle=(0, (3, 2)))
            axes.annotate(
                f"chance {100 * chance:.1f} %", (chance, 1), xycoords=("data", "axes fraction"),
                xytext=(0, 2), textcoords="offset points", color=VERMILION, fontsize=8,
                ha="center",
            )  # fmt: skip
        axes.set_yticks(places, [short(row.name) for row in rows], color=INK)
        axes.set_xlim(0, max(1.2 * max([row.high or row.value for row in rows]), 0.05))
        axes.set_ylim(-0.55, len(rows) - 0.45)
        axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, decimals=0, symbol=" %"))
        axes.grid(axis="x")
        axes.spines[:].set_visible(False)
        axes.set_xlabel(title)
        return pixels_of(figure)


def differences(rows: Sequence[Bar], *, title: str, width: float = 6.4) -> Picture:
    """Draw differences as horizontal bars left and right of zero, with their intervals.

    Gains are blue and losses red if a row is strong; all other rows are grey.

    Args:
        rows: differences of shares, from top to bottom; of more than 120 rows only the first and
            the last 60 are drawn.
        title: name of the horizontal axis, such as "first minus second".
        width: width in inches.
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


def confusion(counts: ArrayLike, names: Sequence[str]) -> Picture:
    """Draw a confusion matrix: true classes in rows, predicted classes in columns.

    Colours are shares of a row.

    Args:
        counts: number of videos for each true and predicted class, (K, K).
        names: names of the K classes; they are left out if there are more than 40.
    """
    table = np.asarray(counts, dtype=np.float64)
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    side = min(2.2 + 0.36 * len(names), 9.0)
    with figure_of((side + 0.6, side)) as figure:
        axes = figure.add_subplot()
        axes.imshow(shares, cmap=_shades(), vmin=0, vmax=1)
        _name_cells(axes, names)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        if len(names) <= 16:
            for (row, column), count in np.ndenumerate(table):
                colour = "white" if shares[row, column] > 0.55 else INK
                axes.text(
                    column, row, f"{count:g}" if count else "·", ha="center", va="center",
                    color=colour if count else BAR, fontsize=8,
                )  # fmt: skip
        return pixels_of(figure)


def heatmap(values: ArrayLike, *, names: Sequence[str] = (), title: str = "") -> Picture:
    """Draw a matrix, such as similarities of frames, in shades from its smallest to largest value.

    Args:
        values: the matrix, (N, M).
        names: names of rows and columns if N = M, or none.
        title: title of the picture.
    """
    table = np.asarray(values, dtype=np.float64)
    with figure_of((4.6, 3.8)) as figure:
        axes = figure.add_subplot()
        image = axes.imshow(table, cmap=_shades())
        _name_cells(axes, names)
        axes.set_title(title, loc="left", fontsize=9, color=MUTED)
        bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
        bar.outline.set_visible(False)
        return pixels_of(figure)


def scatter(points: ArrayLike, labels: Sequence[str], *, title: str = "") -> Picture:
    """Draw points of a plane, coloured by label; after six labels the marker changes.

    Args:
        points: the points, (N, 2).
        labels: label of each point.
        title: title of the picture.
    """
    places = np.asarray(points, dtype=np.float64)
    names = sorted(set(labels))
    with figure_of((6.0, 4.2)) as figure:
        axes = figure.add_subplot()
        for index, name in enumerate(names):
            chosen = places[[label == name for label in labels]]
            axes.scatter(
                chosen[:, 0], chosen[:, 1], s=16, linewidths=0, alpha=0.75, label=short(name),
                color=SERIES[index % len(SERIES)], marker="osD^v"[index // len(SERIES) % 5],
            )  # fmt: skip
        axes.set_title(title, loc="left", fontsize=9, color=MUTED)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(FAINT)
        axes.spines[:].set_visible(True)
        if 1 < len(names) <= 24:
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.02), handletextpad=0.1)
        return pixels_of(figure)


def _draw_curve(axes: Axes, line: Curve, colour: str) -> None:
    width = 1.2 if line.plain or line.thin else 2.0
    marker = "o" if line.low is not None else ""
    axes.plot(
        line.x,
        line.y,
        color=colour,
        linewidth=width,
        marker=marker,
        markersize=4,
        label=short(line.name),
    )
    if line.low is not None and line.high is not None:
        axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.16, linewidth=0)


def _name_cells(axes: Axes, names: Sequence[str]) -> None:
    """Label rows and columns of a matrix; of more than 40 the labels are left out."""
    axes.spines[:].set_visible(False)
    if not names or len(names) > 40:
        axes.set_xticks([])
        axes.set_yticks([])
        return
    places, shown = range(len(names)), [short(name) for name in names]
    axes.set_xticks(places, shown, rotation=45, ha="right", rotation_mode="anchor", color=INK)
    axes.set_yticks(places, shown, color=INK)


def _shades() -> mpl.colors.Colormap:
    return mpl.colors.LinearSegmentedColormap.from_list("shades", ["#f4f6f8", SKY, BLUE, "#00395c"])


def _points(share: float, _: int) -> str:
    """Return a difference of shares as percentage points with a sign, for matplotlib."""
    return f"{100 * share:+.0f}" if round(100 * share) else "0"
