"""Views of a clip: its frames as they are, frozen, or shuffled.

An encoder that is probed on clips without motion, or without the order of their frames, shows what
it uses of both. Letters are frames; four frames of a clip::

    frames      A B C D      the clip as it is
    frozen      C C C C      the middle frame only: no motion
    shuffled    C A D B      the same frames in another order, which differs from clip to clip
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
    """Return clips (B, T, C, H, W) as they are, frozen, or shuffled.

    Args:
        frames: pixels.
        names: a name for each clip; the name alone decides how the clip is shuffled.
        view: which view.
    """
    length = frames.shape[1]
    if view == "frames":
        return frames
    if view == "frozen":
        return frames[:, length // 2, None].expand_as(frames)
    order = torch.stack([_order(length, name) for name in names]).to(frames.device)  # (B, T)
    return frames[torch.arange(len(frames), device=frames.device)[:, None], order]


def _order(length: int, name: str) -> Tensor:
    """Return a permutation (T,) that `name` decides; never the identity if T > 1."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(digest, "little"))
    order = rng.permutation(length)
    while length > 1 and (order == np.arange(length)).all():
        order = rng.permutation(length)
    return torch.from_numpy(order)
