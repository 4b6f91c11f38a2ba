"""Flow looked up along the path that each pixel takes."""

from __future__ import annotations

import torch
from torch import Tensor

from selfvid.flow.warp import warp


def along_paths(fields: Tensor) -> Tensor:
    """Look each field up where the pixels of the first frame have got to by then.

    ::

        p_1 = (u, v)        p_k = p_{k-1} + d_{k-1}(p_{k-1})        v_k = d_k(p_k)

    with d_k between its pixels by bilinear interpolation, and beyond its border as at the border.

    Args:
        fields: displacements d_1 … d_L of S stacks in pixels, (S, L, 2, H, W).

    Returns:
        The displacements v_1 … v_L along the paths, (S, L, 2, H, W).
    """
    gone = torch.zeros_like(fields[:, 0])  # p_k - p_1
    found = []
    for field in fields.unbind(1):
        found.append(warp(field, gone, padding="border"))
        gone = gone + found[-1]
    return torch.stack(found, 1)
