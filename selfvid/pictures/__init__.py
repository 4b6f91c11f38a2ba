"""Arrays to images: every function returns pixels, uint8 (H, W, 3), on a white background."""

from selfvid.pictures.canvas import Picture, png_bytes, write_png
from selfvid.pictures.charts import (
    Bar,
    Curve,
    bars,
    confusion,
    curves,
    differences,
    heatmap,
    scatter,
)
from selfvid.pictures.flow import flow_in_colour, forecast
from selfvid.pictures.frames import gates, grid, strip
from selfvid.pictures.timeline import Stretch, timeline

__all__ = [
    "Bar",
    "Curve",
    "Picture",
    "Stretch",
    "bars",
    "confusion",
    "curves",
    "differences",
    "flow_in_colour",
    "forecast",
    "gates",
    "grid",
    "heatmap",
    "png_bytes",
    "scatter",
    "strip",
    "timeline",
    "write_png",
]
