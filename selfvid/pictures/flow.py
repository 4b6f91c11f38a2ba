"""Pictures of optical flow in colour, and of predicted frames beside the true ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad
from torchvision.utils import flow_to_image

from selfvid.pictures.canvas import Picture
from selfvid.pictures.frames import grid


def flow_in_colour(flow: Tensor, *, longest: float | None = None) -> Tensor:
    """Turn flow into colours: the hue shows its direction, the saturation its length.

    Pixels that do not move are white.

    Args:
        flow: flow fields, (..., 2, H, W), x before y; all of them share one scale.
        longest: length in pixels of flow that has full colour; longer flow looks the same. Give
            it if pictures that are made one by one are to be compared. None takes the longest
            vector in `flow`.

    Returns:
        RGB pictures, uint8 (..., 3, H, W).

    Raises:
        ValueError: If flow does not have this shape or `longest` is not positive.
    """
    if flow.ndim < 3 or flow.shape[-3] != 2:
        raise ValueError(f"flow must be (..., 2, H, W), got {tuple(flow.shape)}")
    if longest is not None and not longest > 0:
        raise ValueError(f"longest must be positive, got {longest}")
    fields = flow.detach().float().flatten(0, -4) if flow.ndim > 3 else flow.detach().float()[None]
    if longest is not None:
        length = fields.norm(dim=1, keepdim=True)  # (N, 1, H, W)
        fields = fields * (longest / length.clamp_min(longest))
        # torchvision scales by the longest vector in its input: append a field with one of length
        # `longest`, and drop its picture below.
        ruler = torch.zeros_like(fields[:1])
        ruler[:, 0] = longest
        fields = torch.cat((fields, ruler))
    colours = flow_to_image(fields)
    return colours[: len(fields) - (longest is not None)].view(
        *flow.shape[:-3], 3, *flow.shape[-2:]
    )


def forecast(
    frames: Tensor, predicted: Tensor, *, flow: Tensor | None = None, height: int = 64
) -> Picture:
    """Draw a clip, below it the prediction of its last frames, and below that the predicted flow.

    ::

        given, then true      a b c D E
        predicted                   d e
        flow, at most 3 px          / /

    Args:
        frames: the given frames followed by those to predict, uint8 (T, C, H, W).
        predicted: prediction of the last F frames, uint8 (F, C, H, W).
        flow: flow to each predicted frame, (F, 2, h, w); None leaves the row out.
        height: as in `grid`.

    Raises:
        ValueError: If predicted or flow do not fit the frames.
    """
    count = len(predicted)
    if predicted.shape[1:] != frames.shape[1:] or not 0 < count <= len(frames):
        raise ValueError(
            f"predicted must be the last of frames {tuple(frames.shape)}, "
            f"got {tuple(predicted.shape)}"
        )
    rows = {"given, then true": frames, "predicted": _last(predicted, len(frames))}
    if flow is not None:
        if flow.ndim != 4 or flow.shape[:2] != (count, 2):
            raise ValueError(f"flow must be ({count}, 2, h, w), got {tuple(flow.shape)}")
        longest = float(flow.detach().float().norm(dim=1).max())
        tiles = interpolate(flow_in_colour(flow), size=frames.shape[-2:], mode="nearest")
        rows[f"flow, at most {longest:.1f} px"] = _last(tiles, len(frames))
    return grid(list(rows.values()), captions=list(rows), height=height)


def _last(tiles: Tensor, frames: int) -> Tensor:
    """Put white tiles before `tiles` (F, C, H, W), so that each is below its own frame."""
    return pad(tiles, (0, 0) * 3 + (frames - len(tiles), 0), value=255)
