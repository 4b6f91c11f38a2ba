"""First layers of encoders of optical flow: they convert fields in pixels to network input.

A field (2, H, W) is the displacement of every pixel, x then y.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from selfvid.encoders.input import Input, Scale, check_scale
from selfvid.errors import InputError
from selfvid.flow.stack import Along, flow_image, stack_flow


class FlowStack(Input):
    """Stacks L neighbouring fields along the channels, the input of a temporal stream.

    After Simonyan and Zisserman (2014): the channels are x1, y1, x2, y2 and so on, and the mean
    displacement of each field is subtracted from it. A clip of T fields gives S = T - L + 1 steps.
    Where crops are encoded, they are cut from the stacks, so that mean and paths are those of the
    whole fields.

    Args:
        length: L.
        ways: ``forward`` takes clips (B, T, 2, H, W). ``both`` takes (B, T, 4, H, W), forward
            fields followed by backward fields; each stack then has L / 2 forward fields and L / 2
            backward fields, which start at the middle of the stack.
        subtract_mean: whether the mean displacement of each field is subtracted.
        along: ``place``, or ``path`` for trajectory stacking.
        scale: displacements are divided by it, in pixels.

    Raises:
        InputError: If length or scale are not positive, or if length is odd and `ways` is
            ``both``.
    """

    def __init__(
        self,
        length: int = 10,
        *,
        ways: Literal["forward", "both"] = "forward",
        subtract_mean: bool = True,
        along: Along = "place",
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        if length < 1 or scale <= 0:
            raise InputError(f"length is {length} and scale {scale}; expected both positive")
        if ways == "both" and length % 2:
            raise InputError(f"length is {length}; expected an even number, half each way")
        self.window = length
        self.channels = 2 * length
        self.in_channels = 2 if ways == "forward" else 4
        self.ways, self.along = ways, along
        self.subtract_mean, self.scale = subtract_mean, scale
        self.whole = subtract_mean or along == "path"

    def forward(self, clip: Tensor) -> Tensor:
        """Map fields (B, T, 2 or 4, H, W) in pixels to stacks (B, T - L + 1, 2L, H, W)."""
        check_flow(clip, self.in_channels)
        batch = clip.shape[0]
        windows = clip.unfold(1, self.window, 1).movedim(-1, 2).flatten(0, 1)  # (B * S, L, C, H, W)
        if self.ways == "forward":
            stacks = self._stacked(windows)  # (B * S, 2L, H, W)
        else:
            half = self.window // 2
            # Both halves are ordered outward from the middle, so that paths can be followed.
            forward, backward = windows[:, half:, :2], windows[:, :half, 2:].flip(1)
            stacks = torch.cat((self._stacked(forward), self._stacked(backward)), 1)
        return (stacks / self.scale).unflatten(0, (batch, -1))

    def _stacked(self, fields: Tensor) -> Tensor:
        return stack_flow(fields, subtract_mean=self.subtract_mean, along=self.along)


class FlowImage(Input):
    """Converts each field to an image of x, y and length, for networks pretrained on images.

    After Donahue et al. (2015): 16 grey levels per pixel of displacement around 128, clipped to 0
    to 255. Then 128 is subtracted, and the result is divided by 255 and by `deviation`. Networks
    that were trained in Caffe divide by neither: ``FlowImage(scale=255, deviation=1.0)``.

    Args:
        levels: grey levels per pixel of displacement.
        deviation: the image is divided by it.
        scale: the scale of the deviation: 1 if white is 1, 255 if white is 255.

    Raises:
        InputError: If a number is not positive, or the scale is unknown.
    """

    channels = 3
    in_channels = 2

    def __init__(self, *, levels: float = 16.0, deviation: float = 0.226, scale: Scale = 1) -> None:
        super().__init__()
        check_scale(scale)
        if levels <= 0 or deviation <= 0:
            raise InputError(
                f"levels are {levels} and deviation {deviation}; expected both positive"
            )
        self.levels, self.deviation = levels, deviation / scale

    def forward(self, clip: Tensor) -> Tensor:
        """Map fields (B, T, 2, H, W) in pixels to images (B, T, 3, H, W)."""
        check_flow(clip, self.in_channels)
        return (flow_image(clip, scale=self.levels) - 128) / 255 / self.deviation


class FlowFields(Input):
    """Keeps each field as it is, up to a scale, for LSTM encoders of flow.

    Args:
        scale: displacements are divided by it, in pixels.

    Raises:
        InputError: If the scale is not positive.
    """

    channels = 2
    in_channels = 2

    def __init__(self, *, scale: float = 1.0) -> None:
        super().__init__()
        if scale <= 0:
            raise InputError(f"scale is {scale}; expected a positive number of pixels")
        self.scale = scale

    def forward(self, clip: Tensor) -> Tensor:
        """Map fields (B, T, 2, H, W) in pixels to scaled fields of the same shape."""
        check_flow(clip, self.in_channels)
        return clip / self.scale


def check_flow(clip: Tensor, channels: int) -> None:
    """Raise an error unless `clip` is flow with this number of channels.

    Raises:
        InputError: If the clip is not a float tensor (B, T, channels, H, W).
    """
    if clip.ndim != 5 or clip.shape[2] != channels or not clip.is_floating_point():
        raise InputError(
            f"clip is {str(clip.dtype).removeprefix('torch.')} {tuple(clip.shape)}; expected flow "
            f"in pixels, floats (B, T, {channels}, H, W)"
        )
