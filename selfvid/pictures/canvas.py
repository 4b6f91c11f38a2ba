"""The look of every picture: colours, type, a figure to draw on and its pixels."""

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

# The colours of Okabe and Ito, which colour-blind readers tell apart.
BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00",
)  # fmt: skip
SERIES = (BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE)
INK, MUTED, FAINT = "#1f2933", "#6b7684", "#e4e7eb"
BAR = "#aeb8c4"

DOTS_PER_INCH = 180
LONGEST_NAME = 28
STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a label is a stranger's text; "$" means nothing in it
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
    """The picture, uint8 (H, W, 3), as a PNG file."""
    buffer = io.BytesIO()
    imsave(buffer, picture, format="png")
    return buffer.getvalue()


def write_png(picture: Picture, path: Path) -> Path:
    """Write the picture to `path`, whole or not at all."""
    return write_whole(path, png_bytes(picture))


def short(name: str) -> str:
    """A name on one line, its middle left out where it is long."""
    line = " ".join(name.split())
    half = LONGEST_NAME // 2
    return line if len(line) <= LONGEST_NAME else f"{line[: half - 1]}…{line[-half:]}"


@contextmanager
def figure_of(size: tuple[float, float]) -> Iterator[Figure]:
    """A figure of so many inches, drawn in our style while the context lasts."""
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # A label in a script that the font lacks is drawn as boxes; that is no one's mistake.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield Figure(figsize=size, dpi=DOTS_PER_INCH, layout=layout, facecolor="white")


def pixels_of(figure: Figure) -> Picture:
    """The figure, drawn, as uint8 (H, W, 3)."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
