"""Optical flow as operations on tensors: estimators, warping, losses and errors.

A flow field has shape ``(B, 2, H, W)`` and is in pixels of its own map; channel 0 points to the
right (x), channel 1 down (y). The functions of this module take backward flow: for each pixel p
of the later frame, the displacement to the position in the earlier frame that the pixel comes
from, ``later(p) = earlier(p + flow(p))``.
"""

from selfvid.flow.loss import end_point_error, flow_roughness, image_gradient_loss
from selfvid.flow.warp import carry_labels, resize_flow, warp

__all__ = [
    "carry_labels",
    "end_point_error",
    "flow_roughness",
    "image_gradient_loss",
    "resize_flow",
    "warp",
]
