"""Pictures of frames side by side, with captions, and of gates below their frames."""

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
    """Draw clips below one another, the frames of each clip side by side.

    Args:
        rows: frames of each clip, uint8 (T, C, H, W) with C = 1 or 3; T and sizes may differ
            between clips.
        captions: one for each row, or none.
        height: approximate height of a frame in pixels; frames are enlarged by a whole factor, so
            that their pixels stay sharp.

    Raises:
        ValueError: If rows do not have this shape, or the number of captions differs.
    """
    if not rows or any(row.ndim != 4 or row.shape[1] not in (1, 3) for row in rows):
        shapes = [tuple(row.shape) for row in rows]
        raise ValueError(f"rows must be (T, C, H, W) with C 1 or 3, got {shapes}")
    if captions and len(captions) != len(rows):
        raise ValueError(f"captions must be {len(rows)} or none, got {len(captions)}")
    bands = [_band(row, height) for row in rows]
    if captions:
        lines = [_line_of_text(caption) for caption in captions]
        bands = [part for pair in zip(lines, bands, strict=True) for part in pair]
    width = max(band.shape[1] for band in bands)
    return np.concatenate([_widened(band, width) for band in bands])


def strip(frames: Tensor, *, captions: Sequence[str] = (), height: int = 96) -> Picture:
    """Draw the frames of one clip side by side, each with its caption above.

    Args:
        frames: the frames, uint8 (T, C, H, W).
        captions: one for each frame, or none.
        height: as in `grid`.

    Raises:
        ValueError: If the number of captions differs from the number of frames.
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


def gates(
    frames: Tensor,
    layers: Mapping[str, Mapping[str, Tensor]],
    *,
    caption: str = "frames",
    height: int = 96,
) -> Picture:
    """Draw frames, and below each frame the gates of recurrent layers at that step.

    Every row of a band is a unit, dark if its gate is closed and bright if it is open. The order
    of the units is the same in all bands of a layer: by their mean in its first band.

    Args:
        frames: the frames, or pictures of flow, uint8 (T, C, H, W).
        layers: the gates of each layer by name; the values of each gate, from 0 to 1, by name,
            (T, D). The first gate of a layer sorts its units.
        caption: the line above the frames.
        height: as in `grid`.

    Raises:
        ValueError: If there are no values, or frames and values differ in T.
    """
    values = [each for layer in layers.values() for each in layer.values()]
    lengths = {len(frames), *map(len, values)}
    if len(lengths) > 1 or not values:
        raise ValueError(f"frames and values must be of the same T, got {sorted(lengths)}")
    rows, captions = [frames], [caption]
    for name, layer in layers.items():
        order = next(iter(layer.values())).float().mean(0).argsort(descending=True)
        rows += [_tiles(each[:, order].float(), frames.shape[-2:]) for each in layer.values()]
        captions += [f"{name}: {gate}" for gate in layer]
    return grid(rows, captions=captions, height=height)


def _band(frames: Tensor, height: int) -> Picture:
    """Draw frames (T, C, H, W) side by side with white gaps, enlarged by a whole factor."""
    factor = max(1, round(height / frames.shape[-2]))
    pixels = frames.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).cpu().numpy()  # (T, H, W, 3)
    enlarged = pixels.repeat(factor, 1).repeat(factor, 2)
    framed = np.pad(enlarged, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=255)
    return np.concatenate(list(framed), axis=1)


def _line_of_text(text: str) -> Picture:
    """Draw a line of text in a picture that is as wide as the text and 18 pixels high."""
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


def _tiles(values: Tensor, size: torch.Size) -> Tensor:
    """Draw values (T, D) as T pictures of a size (H, W), uint8 (T, 3, H, W); rows are units."""
    rows = adaptive_avg_pool1d(values.cpu()[:, None], size[0])[:, 0]  # (T, H)
    colours = torch.from_numpy(mpl.colormaps["viridis"](rows.numpy(), bytes=True)[..., :3])
    return colours.permute(0, 2, 1)[..., None].expand(-1, -1, -1, size[1])  # (T, 3, H, W)
