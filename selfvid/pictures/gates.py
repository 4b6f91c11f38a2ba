"""The gates of an LSTM beside the frames that it saw."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool1d

from selfvid.pictures.canvas import Picture
from selfvid.pictures.frames import grid


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
