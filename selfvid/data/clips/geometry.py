"""Crops and flips of clips on the training device, which flow follows as pixels do."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from kornia.geometry.transform import crop_and_resize
from torch import Tensor

from selfvid.flow.stack import flip_flow


@dataclass(frozen=True, eq=False)
class Geometry:
    """What is cut out of each of V views and resized to the size before, and which are flipped.

    Attributes:
        boxes: left, top, width and height of the crops in pixels, float (V, 4); None crops nothing.
        flipped: whether left and right are swapped, bool (V,); None flips nothing.
    """

    boxes: Tensor | None
    flipped: Tensor | None

    def of_pixels(self, views: Tensor) -> Tensor:
        """Return the changed pixels (V, T, C, H, W) of views, float."""
        cut = self._cut(views)
        return cut if self.flipped is None else torch.where(self._chosen, cut.flip(-1), cut)

    def of_flow(self, fields: Tensor) -> Tensor:
        """Return the flow between changed frames, in pixels of the changed frames.

        Resizing a crop scales its displacements, and swapping left and right changes the sign of x.

        Args:
            fields: the flow between the frames as they were, float (V, n, 2L, H, W) in pixels,
                channels x and y in turn.
        """
        cut = self._cut(fields)
        if self.boxes is not None:
            height, width = fields.shape[-2:]
            # Corners are centres of pixels, so n pixels are n - 1 apart.
            last = fields.new_tensor([width - 1, height - 1])
            scale = last / (self.boxes[:, 2:] - 1).to(fields)  # (V, 2)
            cut = cut * scale.repeat(1, fields.shape[2] // 2)[:, None, :, None, None]
        return cut if self.flipped is None else torch.where(self._chosen, flip_flow(cut), cut)

    @property
    def _chosen(self) -> Tensor:
        assert self.flipped is not None
        return self.flipped[:, None, None, None, None]  # (V, 1, 1, 1, 1)

    def _cut(self, views: Tensor) -> Tensor:
        if self.boxes is None:
            return views
        left, top, width, height = self.boxes.unbind(1)
        # kornia's corners are centres of pixels, so the box of the whole picture ends at width - 1.
        bottom, right = top + height - 1, left + width - 1
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        boxes = torch.stack([torch.stack(corner, -1) for corner in corners], 1)  # (V, 4, 2)
        size = (views.shape[-2], views.shape[-1])
        cut = crop_and_resize(views.flatten(1, 2), boxes.to(views), size, align_corners=True)
        return cut.reshape(views.shape)
