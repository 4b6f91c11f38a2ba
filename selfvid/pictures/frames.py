"""Frames as they are, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool1d

from selfvid.pictures.canvas import MUTED, Picture, figure_of, pixels_of


def grid(rows: Sequence[Tensor], *, captions: Sequence[str] = (), height: int = 96) -> Picture:
    """Clips below one another, frames side by side.

    Args:
        rows: frames, uint8 (T, C, H, W) with C = 1 or 3; T and sizes may differ between rows.
        captions: one for each row, or none.
        height: pixels that a frame is enlarged to, by whole factors, so that pixels stay sharp.

    Raises:
        ValueError: where rows or captions do not have these shapes.
    """
    if not rows or any(row.ndim != 4 or row.shape[1] not in (1, 3) for row in rows):
        shapes = [tuple(row.shape) for row in rows]
        raise ValueError(f"rows must be (T, C, H, W) with C 1 or 3, got {shapes}")
    if captions and len(captions) != len(rows):
        raise ValueError(f"captions must be {len(rows)} or none, got {len(captions)}")
    bands = [_band(row, height) for row in rows]
    if captions:
        heads = [_line_of_text(caption) for caption in captions]
        bands = [part for pair in zip(heads, bands, strict=True) for part in pair]
    width = max(band.shape[1] for band in bands)
    return np.concatenate([_widened(band, width) for band in bands])


def strip(frames: Tensor, *, captions: Sequence[str] = (), height: int = 96) -> Picture:
    """One clip, frames side by side, each with its caption above.

    Args:
        frames: uint8 (T, C, H, W).
        captions: one for each frame, or none.
        height: as in `grid`.
    """
    if captions and len(captions) != len(frames):
        raise ValueError(f"captions must be {len(frames)} or none, got {len(captions)}")
    if not captions:
        return grid([frames], height=height)
    columns = [
        grid([frame[None]], captions=[caption], height=height)
        for frame, caption in zip(frames, captions, strict=True)
    ]
    return np.concatenate(columns, axis=1)


def _band(frames: Tensor, height: int) -> Picture:
    """Frames (T, C, H, W) side by side with a thin white gap, enlarged by a whole factor."""
    factor = max(1, round(height / frames.shape[-2]))
    pixels = frames.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).cpu().numpy()
    enlarged = pixels.repeat(factor, 1).repeat(factor, 2)
    framed = np.pad(enlarged, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=255)
    return np.concatenate(list(framed), axis=1)


def _line_of_text(text: str) -> Picture:
    with figure_of((0.1, 0.1)) as figure:
        figure.set_layout_engine("none")
        figure.set_dpi(96)
        written = figure.text(0, 0, " ".join(text.split()), fontsize=8, color=MUTED)
        box = written.get_window_extent(FigureCanvasAgg(figure).get_renderer())
        figure.set_size_inches((box.width + 8) / 96, 18 / 96)
        written.set_position((2 / (box.width + 8), 0.28))
        return pixels_of(figure)


def _widened(picture: Picture, width: int) -> Picture:
    missing = width - picture.shape[1]
    return np.pad(picture, ((0, 0), (0, missing), (0, 0)), constant_values=255)


def gates(frames: Tensor, values: Mapping[str, Tensor], *, height: int = 96) -> Picture:
    """Frames above, and below each of them how far the gates are open at that step.

    Every row of a band is a unit, dark for closed and bright for open. Units stand in the same
    order in all bands: by their mean in the first one.

    Args:
        frames: uint8 (T, C, H, W).
        values: by caption, 0 to 1, (T, D); the first one sorts the units.
        height: as in `grid`.

    Raises:
        ValueError: where frames and values differ in T.
    """
    lengths = {len(frames), *(len(each) for each in values.values())}
    if len(lengths) > 1 or not values:
        raise ValueError(f"frames and values must be of the same T, got {sorted(lengths)}")
    order = next(iter(values.values())).float().mean(0).argsort(descending=True)
    tiles = [_tiles(each[:, order].float(), frames.shape[-2:]) for each in values.values()]
    return grid([frames, *tiles], captions=["frames", *values], height=height)


def _tiles(values: Tensor, size: torch.Size) -> Tensor:
    """Values (T, D) as T pictures, uint8 (T, 3, H, W), each row a few units."""
    rows = adaptive_avg_pool1d(values.cpu()[:, None], size[0])[:, 0]
    colours = torch.from_numpy(mpl.colormaps["viridis"](rows.numpy(), bytes=True)[..., :3])
    return colours.permute(0, 2, 1)[..., None].expand(-1, -1, -1, size[1])
