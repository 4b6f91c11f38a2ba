"""Stacks of flow fields, the input of a temporal stream after Simonyan and Zisserman (2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from selfvid.errors import InputError
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


Along = Literal["place", "path"]


def stack_indices(starts: Sequence[int], *, length: int) -> Tensor:
    """Which fields make each stack, int64 (S, L): L neighbouring ones from each start on."""
    return torch.as_tensor(starts, dtype=torch.int64)[:, None] + torch.arange(length)


def both_ways_indices(frames: Sequence[int], *, length: int) -> tuple[Tensor, Tensor]:
    """Which forward and which backward fields make each stack around a frame.

    For L = 6 around frame t, in the order of the channels::

        frames      t-3   t-2   t-1    t    t+1   t+2   t+3
        forward                         1 ->  2 ->  3 ->
        backward    <- 6  <- 5  <- 4

    The order on either side is outward from the frame, so that a path can be followed.

    Returns:
        Two int64 (S, L / 2), indices of forward and of backward fields.

    Raises:
        InputError: where L is odd.
    """
    if length < 2 or length % 2:
        raise InputError(f"length is {length} fields; expected an even number, half each way")
    around = torch.as_tensor(frames, dtype=torch.int64)[:, None]
    half = torch.arange(length // 2)
    return around + half, around - 1 - half


def stack_flow(fields: Tensor, *, subtract_mean: bool = True, along: Along = "place") -> Tensor:
    """Fields side by side: channels x1, y1, x2, y2 and so on.

    Args:
        fields: the L fields of each of S stacks, floats in pixels, (S, L, 2, H, W); of fields
            (n, 2, H, W) of a video, ``fields[stack_indices(starts, length=L)]``.
        subtract_mean: take the mean displacement from each field, which roughly undoes the
            motion of the camera.
        along: ``place`` looks at one place in all fields; ``path`` follows the path of each pixel
            from the first (by the flow as it was estimated, camera motion included).

    Returns:
        Of the same dtype, (S, 2L, H, W).

    Raises:
        InputError: where fields have another shape or are no floats.
    """
    if fields.ndim != 5 or fields.shape[2] != 2 or not fields.is_floating_point():
        raise InputError(
            f"fields are {fields.dtype} {tuple(fields.shape)}; expected floats (S, L, 2, H, W)"
        )
    if along not in ("place", "path"):
        raise InputError(f"along is {along!r}; expected place or path")
    values = along_paths(fields) if along == "path" else fields
    if subtract_mean:
        # Each field's own mean: along a path as well, where it is the same camera's motion.
        values = values - fields.mean(dim=(-2, -1), keepdim=True)
    return values.flatten(1, 2)


def stack_both_ways(
    forward: Tensor, backward: Tensor, *, subtract_mean: bool = True, along: Along = "place"
) -> Tensor:
    """Half of the fields forward, half backward, outward from one frame.

    Args:
        forward: forward fields (S, L/2, 2, H, W), as `both_ways_indices` tells.
        backward: backward fields of the same shape.
        subtract_mean: as in `stack_flow`.
        along: as in `stack_flow`; paths begin at the frame in the middle and lead both ways.

    Returns:
        (S, 2L, H, W): forward fields first.

    Raises:
        InputError: where the two differ in shape.
    """
    if forward.shape != backward.shape:
        raise InputError(
            f"forward fields are {tuple(forward.shape)}, backward {tuple(backward.shape)}; "
            "expected the same shape"
        )
    halves = [
        stack_flow(half, subtract_mean=subtract_mean, along=along) for half in (forward, backward)
    ]
    return torch.cat(halves, dim=1)


def flip_flow(flow: Tensor) -> Tensor:
    """The flow of frames mirrored left to right: mirrored too, and x the other way.

    Args:
        flow: channels x and y in turn, of one field or a stack, (..., 2L, H, W).

    Raises:
        InputError: where the number of channels is odd.
    """
    channels = flow.shape[-3] if flow.ndim >= 3 else 1
    if channels % 2:
        raise InputError(f"flow is {tuple(flow.shape)}; expected (..., 2L, H, W)")
    signs = flow.new_tensor([-1, 1]).repeat(channels // 2)[:, None, None]
    return flow.flip(-1) * signs


def flow_image(fields: Tensor, *, scale: float = 16.0, centre: float = 128.0) -> Tensor:
    """Flow as a picture for networks that learnt from pictures, after Donahue et al. (2015).

    Channels are x, y and the length of the vector, each times `scale` plus `centre`, clipped to
    0 to 255. Mirror the flow first (`flip_flow`), not the picture.

    Args:
        fields: floats in pixels, (..., 2, H, W).
        scale: grey levels per pixel.
        centre: grey level of no motion.

    Returns:
        (..., 3, H, W) of the same dtype, 0 to 255, not rounded.

    Raises:
        InputError: where fields have another shape or are no floats.
    """
    if fields.ndim < 3 or fields.shape[-3] != 2 or not fields.is_floating_point():
        raise InputError(
            f"fields are {fields.dtype} {tuple(fields.shape)}; expected floats (..., 2, H, W)"
        )
    x, y = fields.unbind(-3)
    return (torch.stack((x, y, torch.hypot(x, y)), dim=-3) * scale + centre).clamp(0, 255)
