"""Optical flow as maths on tensors: warping by it, how smooth and how wrong it is.

A flow field is ``(B, 2, H, W)`` in pixels of its own map; channel 0 points right (x), channel 1
down (y). It looks backward: at pixel p of the later frame it tells how far away, in the earlier
frame, the pixel came from, ``later(p) = earlier(p + flow(p))``.
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
