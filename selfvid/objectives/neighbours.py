"""A picture of what an encoder finds alike: frames above their nearest neighbours."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.utils import make_grid


def nearest_frames(clip: Tensor, steps: Tensor, *, most: int = 12) -> Tensor:
    """First frames of up to `most` clips; below each, its nearest frame in another clip.

    Args:
        clip: pixels (B, T, 3, H, W), 0 to 255, with B >= 2.
        steps: embeddings (B, S, D); the first step is compared.
        most: columns of the picture.

    Returns:
        Picture, uint8 (3, H', W').
    """
    z = steps[:, 0].float()
    distance = torch.cdist(z, z, p=1).fill_diagonal_(torch.inf)
    nearest = distance[:most].argmin(1)
    rows = torch.cat((clip[:most, 0], clip[nearest, 0]))
    grid = make_grid(rows.float(), nrow=len(nearest), padding=2, pad_value=255.0)
    return grid.round().clamp(0, 255).to(torch.uint8)
