"""Moving textures whose true flow is known."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def drifting(frames: int, *, x: int, y: int, height: int = 64, width: int = 80) -> Tensor:
    """Texture that moves by whole pixels, uint8 (T, 3, H, W)."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 40, 40, generator=generator)
    large = interpolate(coarse, size=(160, 160), mode="bicubic").clamp(0, 1)[0]
    at = [(40 - y * t, 40 - x * t) for t in range(frames)]
    cut = [large[:, top : top + height, left : left + width] for top, left in at]
    return (torch.stack(cut) * 255).to(torch.uint8)
