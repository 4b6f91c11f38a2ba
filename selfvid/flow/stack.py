"""Stacks of flow fields, the input of the temporal stream of Simonyan and Zisserman (2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from selfvid.errors import InputError
from selfvid.flow.warp import warp

Along = Literal["place", "path"]
"""``place`` takes each field at the same pixel, ``path`` at the pixel that motion leads to."""


def stack_indices(starts: Sequence[int], *, length: int) -> Tensor:
    """Return the indices of the fields of each stack, int64 (S, L): L fields from each start on."""
    return torch.as_tensor(starts, dtype=torch.int64)[:, None] + torch.arange(length)  # (S, L)


def both_ways_indices(frames: Sequence[int], *, length: int) -> tuple[Tensor, Tensor]:
    """Return the indices of the forward and the backward fields of each stack around a frame.

    For L = 6 around frame t, numbered in the order of the channels::

        frames      t-3   t-2   t-1    t    t+1   t+2   t+3
        forward                         1 ->  2 ->  3 ->
        backward    <- 6  <- 5  <- 4

    On both sides the order is outward from the frame, so that the path of a pixel can be followed.

    Args:
        frames: the frame in the middle of each stack.
        length: L, number of fields in a stack.

    Returns:
        Indices of forward and of backward fields, two int64 tensors (S, L / 2).

    Raises:
        InputError: If L is odd.
    """
    if length < 2 or length % 2:
        raise InputError(f"length is {length} fields; expected an even number, half each way")
    around = torch.as_tensor(frames, dtype=torch.int64)[:, None]  # (S, 1)
    half = torch.arange(length // 2)
    return around + half, around - 1 - half


def stack_flow(fields: Tensor, *, subtract_mean: bool = True, along: Along = "place") -> Tensor:
    """Stack flow fields as channels x1, y1, x2, y2 and so on.

    Args:
        fields: the L fields of each of S stacks, floats in pixels, (S, L, 2, H, W). From the
            fields (n, 2, H, W) of a video they are ``fields[stack_indices(starts, length=L)]``.
        subtract_mean: subtract its mean displacement from each field, which approximately removes
            the motion of the camera.
        along: ``place`` takes all fields at the same pixel; ``path`` follows the path of each
            pixel from the first field on (by the flow as estimated, with camera motion).

    Returns:
        Stacks of the same dtype, (S, 2L, H, W).

    Raises:
        InputError: If fields have another shape or are not floats.
    """
    if fields.ndim != 5 or fields.shape[2] != 2 or not fields.is_floating_point():
        raise InputError(
            f"fields are {fields.dtype} {tuple(fields.shape)}; expected floats (S, L, 2, H, W)"
        )
    if along not in ("place", "path"):
        raise InputError(f"along is {along!r}; expected place or path")
    values = along_paths(fields) if along == "path" else fields
    if subtract_mean:
        # The mean of the whole field is the motion of the camera, along paths too.
        values = values - fields.mean(dim=(-2, -1), keepdim=True)
    return values.flatten(1, 2)  # (S, 2L, H, W)


def stack_both_ways(
    forward: Tensor, backward: Tensor, *, subtract_mean: bool = True, along: Along = "place"
) -> Tensor:
    """Stack L/2 forward and L/2 backward fields, both outward from one frame.

    Args:
        forward: forward fields (S, L/2, 2, H, W), with the indices of `both_ways_indices`.
        backward: backward fields of the same shape.
        subtract_mean: as in `stack_flow`.
        along: as in `stack_flow`; paths begin at the frame in the middle and lead both ways.

    Returns:
        Stacks (S, 2L, H, W), forward fields first.

    Raises:
        InputError: If the two differ in shape.
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


def along_paths(fields: Tensor) -> Tensor:
    """Sample each field at the positions that the pixels of the first frame have moved to.

    ::

        p_1 = (u, v)        p_k = p_{k-1} + d_{k-1}(p_{k-1})        v_k = d_k(p_k)

    Between pixels d_k is interpolated bilinearly, and outside of the field it is as at the border.

    Args:
        fields: displacements d_1 … d_L of S stacks in pixels, (S, L, 2, H, W).

    Returns:
        The displacements v_1 … v_L along the paths, (S, L, 2, H, W).
    """
    moved = torch.zeros_like(fields[:, 0])  # p_k - p_1, (S, 2, H, W)
    found = []
    for field in fields.unbind(1):
        found.append(warp(field, moved, padding="border"))
        moved = moved + found[-1]
    return torch.stack(found, 1)  # (S, L, 2, H, W)


def flip_flow(flow: Tensor) -> Tensor:
    """Return the flow of mirrored frames: left and right are swapped, and x changes its sign.

    Args:
        flow: one field or a stack, channels x and y in turn, (..., 2L, H, W).

    Raises:
        InputError: If the number of channels is odd.
    """
    channels = flow.shape[-3] if flow.ndim >= 3 else 1
    if channels % 2:
        raise InputError(f"flow is {tuple(flow.shape)}; expected (..., 2L, H, W)")
    signs = flow.new_tensor([-1, 1]).repeat(channels // 2)[:, None, None]
    return flow.flip(-1) * signs


def flow_image(fields: Tensor, *, scale: float = 16.0, centre: float = 128.0) -> Tensor:
    """Turn flow into images for networks that were pretrained on images (Donahue et al., 2015).

    Channels are x, y and the length of the vector, each times `scale` plus `centre`, clipped to
    0 to 255. To mirror, apply `flip_flow` to the flow before this function.

    Args:
        fields: floats in pixels, (..., 2, H, W).
        scale: grey levels per pixel.
        centre: grey level of no motion.

    Returns:
        Images (..., 3, H, W) of the same dtype, 0 to 255, not rounded.

    Raises:
        InputError: If fields have another shape or are not floats.
    """
    if fields.ndim < 3 or fields.shape[-3] != 2 or not fields.is_floating_point():
        raise InputError(
            f"fields are {fields.dtype} {tuple(fields.shape)}; expected floats (..., 2, H, W)"
        )
    x, y = fields.unbind(-3)
    return (torch.stack((x, y, torch.hypot(x, y)), dim=-3) * scale + centre).clamp(0, 255)
