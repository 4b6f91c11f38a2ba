"""A picture of what an encoder finds alike: frames above their nearest neighbours."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.utils import make_grid

from selfvid.pictures.flow import flow_in_colour

PIXELS = 3  # channels


def nearest_frames(clip: Tensor, steps: Tensor, *, most: int = 12) -> Tensor:
    """First frames of up to `most` clips; below each, its nearest frame in another clip.

    Args:
        clip: pixels (B, T, 3, H, W), 0 to 255, or flow (B, T, 2 or 4, H, W), shown in colour,
            with B >= 2.
        steps: embeddings (B, S, D); the first step is compared.
        most: columns of the picture.

    Returns:
        Picture, uint8 (3, H', W').
    """
    z = steps[:, 0].float()
    distance = torch.cdist(z, z, p=1).fill_diagonal_(torch.inf)
    nearest = distance[:most].argmin(1)
    rows = torch.cat((clip[:most, 0], clip[nearest, 0]))
    if rows.shape[1] != PIXELS:
        rows = flow_in_colour(rows[:, :2].float())
    grid = make_grid(rows.float(), nrow=len(nearest), padding=2, pad_value=255.0)
    return grid.round().clamp(0, 255).to(torch.uint8)
