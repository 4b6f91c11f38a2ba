"""Flow in colour, and what was predicted beside what came."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad
from torchvision.utils import flow_to_image

from selfvid.pictures.canvas import Picture
from selfvid.pictures.frames import grid


def flow_in_colour(flow: Tensor, *, longest: float | None = None) -> Tensor:
    """Flow as colours: hue is its direction, strength its length, white stands still.

    Args:
        flow: (..., 2, H, W), x before y; all fields share one scale.
        longest: pixels of flow in full colour, so that pictures made one by one compare; what is
            longer looks as long. None takes the longest vector of all that were given.

    Returns:
        uint8 (..., 3, H, W).

    Raises:
        ValueError: where flow does not have this shape or `longest` is not positive.
    """
    if flow.ndim < 3 or flow.shape[-3] != 2:
        raise ValueError(f"flow must be (..., 2, H, W), got {tuple(flow.shape)}")
    if longest is not None and not longest > 0:
        raise ValueError(f"longest must be positive, got {longest}")
    fields = flow.detach().float().flatten(0, -4) if flow.ndim > 3 else flow.detach().float()[None]
    if longest is not None:
        length = fields.norm(dim=1, keepdim=True)
        fields = fields * (longest / length.clamp_min(longest))
        # torchvision scales by the longest vector that it sees: let it see one of this length.
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
    """One clip above what was predicted of its last frames, and above the flow that did it.

    ::

        given, then true      a b c D E
        predicted                   d e
        flow, at most 3 px          / /

    Args:
        frames: uint8 (T, C, H, W), those that were given and those to predict.
        predicted: uint8 (F, C, H, W), of the last F frames.
        flow: (F, 2, h, w), towards each predicted frame; None leaves the row out.
        height: as in `grid`.

    Raises:
        ValueError: where predicted or flow do not fit the frames.
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
    """White tiles first, so that each of `tiles` (F, C, H, W) stands under its own frame."""
    return pad(tiles, (0, 0) * 3 + (frames - len(tiles), 0), value=255)
