"""Warping of images, feature maps and label maps by a flow field."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from selfvid.errors import InputError

Sampling = Literal["bilinear", "nearest"]
Padding = Literal["zeros", "border"]


def warp(
    features: Tensor,
    flow: Tensor,
    *,
    sampling: Sampling = "bilinear",
    padding: Padding = "zeros",
) -> Tensor:
    """Move the earlier frame along backward flow: out(p) = features(p + flow(p)).

    Patraucean et al. (2016) put y before x in their flow; here x comes first.

    Args:
        features: images or feature maps of the earlier frame, (B, C, H, W).
        flow: backward flow (B, 2, H, W) in pixels of this map, channel 0 to the right (x),
            channel 1 down (y).
        sampling: ``bilinear`` interpolates, with gradients to features and flow; ``nearest``
            takes the nearest pixel, of any dtype.
        padding: values outside of the map: ``zeros``, or those of the ``border``.

    Returns:
        The later frame, (B, C, H, W), of the dtype of `features`.

    Raises:
        InputError: If shapes or dtypes do not match, or a choice is unknown.
    """
    _check(features, flow, sampling, padding)
    # Positions need the precision of float32, even if the network computes in half precision.
    places = flow.to(torch.promote_types(flow.dtype, torch.float32)) + _pixels(flow)  # (B, 2, H, W)
    if sampling == "nearest":
        return _nearest(features, places.round(), padding)
    values = features.to(torch.promote_types(features.dtype, places.dtype))
    size = places.new_tensor(features.shape[:1:-1])  # (W, H)
    # -1 and 1 are the outer edges of the map (align_corners=False). If a side is a power of two,
    # this makes whole pixels exact.
    grid = (2 * places.movedim(1, -1) + 1) / size - 1  # (B, H, W, 2)
    fetched = grid_sample(
        values, grid.to(values.dtype), mode="bilinear", padding_mode=padding, align_corners=False
    )
    return fetched.to(features.dtype)


def carry_labels(labels: Tensor, flow: Tensor, *, outside: int) -> Tensor:
    """Move a label map from the earlier frame to the later one; each pixel takes the nearest label.

    Args:
        labels: classes of the pixels of the earlier frame, any integer dtype, (B, H, W).
        flow: backward flow (B, 2, H, W), from the later frame to the earlier one, as `warp`
            takes it and as flow objectives predict it. Negated forward flow is not the same;
            backward flow must be estimated itself.
        outside: label of pixels that come from outside of the map, such as 255 for "ignore".

    Returns:
        Labels of the later frame, (B, H, W), of the same dtype.

    Raises:
        InputError: If labels are not integers or shapes do not match.
    """
    if labels.ndim != 3 or labels.is_floating_point():
        raise InputError(
            f"labels are {labels.dtype} {tuple(labels.shape)}; expected integers (B, H, W)"
        )
    carried = warp(labels[:, None], flow, sampling="nearest", padding="border")[:, 0]
    came_from_inside = warp(torch.ones_like(labels[:, None]), flow, sampling="nearest")[:, 0] > 0
    return carried.where(came_from_inside, carried.new_tensor(outside))


def resize_flow(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize flow (B, 2, H, W) to another size (H, W), and scale it to pixels of that size."""
    height, width = flow.shape[-2:]
    scale = flow.new_tensor([size[1] / width, size[0] / height]).view(2, 1, 1)
    # Antialiasing averages if the map becomes smaller, and has no effect if it becomes larger.
    return scale * interpolate(flow, size=size, mode="bilinear", antialias=True)


def _nearest(features: Tensor, places: Tensor, padding: Padding) -> Tensor:
    """Take the pixel of `features` (B, C, H, W) at each of the whole-numbered `places`."""
    channels, height, width = features.shape[1:]
    x, y = places.unbind(1)
    column, row = x.long().clamp(0, width - 1), y.long().clamp(0, height - 1)
    index = (row * width + column).flatten(1)[:, None].expand(-1, channels, -1)  # (B, C, H * W)
    fetched = features.flatten(2).gather(2, index).view(features.shape)
    if padding == "border":
        return fetched
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return fetched.where(inside[:, None], fetched.new_zeros(()))


def _pixels(flow: Tensor) -> Tensor:
    """Return the positions of a map's pixels, x before y, (2, H, W)."""
    height, width = flow.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=flow.device),
        torch.arange(width, device=flow.device),
        indexing="ij",
    )
    return torch.stack((x, y))


def _check(features: Tensor, flow: Tensor, sampling: str, padding: str) -> None:
    if features.ndim != 4:
        raise InputError(f"features are {tuple(features.shape)}; expected (B, C, H, W)")
    expected = (features.shape[0], 2, *features.shape[-2:])
    if flow.shape != expected or not flow.is_floating_point():
        raise InputError(
            f"flow is {flow.dtype} {tuple(flow.shape)}; expected floats {expected}, "
            "in pixels of the map it warps"
        )
    if sampling not in ("bilinear", "nearest"):
        raise InputError(f"sampling is {sampling!r}; expected bilinear or nearest")
    if padding not in ("zeros", "border"):
        raise InputError(f"padding is {padding!r}; expected zeros or border")
    if sampling == "bilinear" and not features.is_floating_point():
        raise InputError(f"features are {features.dtype}; bilinear sampling expects floats")
