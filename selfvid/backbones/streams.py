"""Fovea and context: the middle of a frame as it is, and the whole frame at half its size.

After Karpathy et al., Large-scale video classification with convolutional neural networks, CVPR
2014: two streams of half the pixels that the frame has.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional

Streams = Literal["whole", "both", "fovea", "context"]
PARTS: dict[Streams, tuple[str, ...]] = {
    "whole": ("whole",),
    "both": ("fovea", "context"),
    "fovea": ("fovea",),
    "context": ("context",),
}


def stream(clips: Tensor, part: str) -> Tensor:
    """What one stream sees of clips (N, C, T, H, W): all of it, or half of H and of W."""
    if part == "whole":
        return clips
    if part == "context":
        return functional.avg_pool3d(clips, (1, 2, 2))
    height, width = clips.shape[-2] // 2, clips.shape[-1] // 2
    top, left = (clips.shape[-2] - height) // 2, (clips.shape[-1] - width) // 2
    return clips[..., top : top + height, left : left + width]
