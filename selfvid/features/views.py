"""Clips as they are, and clips that had their motion taken away.

Letters are frames; four frames of a clip::

    as it is    A B C D
    frozen      C C C C      the middle frame alone: no motion, no second view
    shuffled    C A D B      the same frames without their order, another order for each clip
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

View = Literal["frames", "frozen", "shuffled"]


def view_of(frames: Tensor, names: Sequence[str], view: View) -> Tensor:
    """Clips (B, T, C, H, W) as they are, frozen, or shuffled.

    Args:
        frames: pixels.
        names: one for each clip, which alone decides how it is shuffled.
        view: which.
    """
    length = frames.shape[1]
    if view == "frames":
        return frames
    if view == "frozen":
        return frames[:, length // 2, None].expand_as(frames)
    order = torch.stack([_shuffled(length, name) for name in names]).to(frames.device)
    return frames[torch.arange(len(frames), device=frames.device)[:, None], order]


def _shuffled(length: int, name: str) -> Tensor:
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(digest, "little"))
    order = rng.permutation(length)
    while length > 1 and (order == np.arange(length)).all():
        order = rng.permutation(length)
    return torch.from_numpy(order)
