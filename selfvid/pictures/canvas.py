"""What all pictures share: colours, fonts, a figure to draw on, its pixels and PNG files."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from selfvid.saving.whole import write_whole

Picture = NDArray[np.uint8]

# The colours of Okabe and Ito, which colour-blind readers can distinguish.
BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00",
)  # fmt: skip
SERIES = (BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE)
INK, MUTED, FAINT = "#1f2933", "#6b7684", "#e4e7eb"  # text and lines, from dark to light
BAR = "#aeb8c4"  # bars and curves that are there to compare with

DOTS_PER_INCH = 180  # sharp on a screen of high resolution
LONGEST_NAME = 28  # letters of a label that fit beside a chart
STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # labels are names of files and classes; "$" is a plain letter
    "axes.edgecolor": FAINT,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
}


def png_bytes(picture: Picture) -> bytes:
    """Return a picture, uint8 (H, W, 3), as the bytes of a PNG file."""
    buffer = io.BytesIO()
    imsave(buffer, picture, format="png")
    return buffer.getvalue()


def write_png(picture: Picture, path: Path) -> Path:
    """Write a picture to a PNG file, completely or not at all, and return its path."""
    return write_whole(path, png_bytes(picture))


def short(name: str) -> str:
    """Return a name on one line; the middle of a long name is left out."""
    line = " ".join(name.split())
    half = LONGEST_NAME // 2
    return line if len(line) <= LONGEST_NAME else f"{line[: half - 1]}…{line[-half:]}"


@contextmanager
def figure_of(size: tuple[float, float]) -> Iterator[Figure]:
    """Open a figure of this size in inches, in the style of all pictures inside the context."""
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # Letters that the font does not have are drawn as boxes, without a warning.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield Figure(figsize=size, dpi=DOTS_PER_INCH, layout=layout, facecolor="white")


def pixels_of(figure: Figure) -> Picture:
    """Draw a figure and return its pixels, uint8 (H, W, 3)."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])  # (H, W, 3)
