"""The first layer of every encoder, which converts decoded pixels to the network's input.

It is part of the encoder, so that preprocessing is saved and exported with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from selfvid.errors import InputError
from selfvid.saving.recorded import Recorded

Colour = Literal["rgb", "bgr", "grey"]
Scale = Literal[1, 255]
"""The value of a white pixel in the unit of a mean and a deviation."""

# Statistics of ImageNet's red, green and blue on the 0..1 scale, which pretrained networks expect.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
# Weights of red, green and blue in grey, after ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)
# ImageNet's means of blue, green and red from 0 to 255, which networks trained in Caffe expect.
CAFFE_MEAN = (103.939, 116.779, 123.68)


class Input(Recorded, nn.Module, ABC):
    """Converts clips of pixels or flow to network input (B, S, C, H, W).

    Attributes:
        channels: C of the network input.
        window: number of frames from which one step is computed; S = T - window + 1.
        in_channels: C of the clips: 3 for pixels, 2 or 4 for flow.
        whole: whether each pixel of the network input depends on whole frames; crops are then cut
            from the network input, see `selfvid.encoders.crops`.
    """

    channels: int
    window: int = 1
    in_channels: int = 3
    whole: bool = False

    @abstractmethod
    def forward(self, clip: Tensor) -> Tensor:
        """Compute network input (B, S, C, H, W).

        Args:
            clip: pixels (B, T, 3, H, W), uint8 or float from 0 to 255; or flow in pixels, float
                (B, T, 2 or 4, H, W).
        """


class PixelInput(Input):
    """Scales pixels to 0..1, optionally converts them to grey, and standardises them.

    Networks that were trained in Caffe expect blue, green and red from 0 to 255 less the means of
    ImageNet: ``PixelInput("bgr", scale=255, mean=CAFFE_MEAN, deviation=[1, 1, 1])``.

    Args:
        colour: ``rgb`` keeps three channels, ``bgr`` reverses their order, ``grey`` makes one.
        mean: value per channel that is subtracted, in the channels' order; None uses ImageNet's.
        deviation: value per channel to divide by; None uses ImageNet's.
        scale: the scale of mean and deviation: 1 if white is 1, 255 if white is 255.

    Raises:
        InputError: If mean or deviation do not have one value per channel, if a deviation is not
            positive, or if the scale is unknown.
    """

    mix: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        colour: Colour = "rgb",
        *,
        mean: Sequence[float] | None = None,
        deviation: Sequence[float] | None = None,
        scale: Scale = 1,
    ) -> None:
        super().__init__()
        check_scale(scale)
        self.channels = 1 if colour == "grey" else 3
        self.backwards = colour == "bgr"
        self.register_buffer("mix", _mix(colour), persistent=False)
        for name, given, default in (
            ("mean", mean, IMAGENET_MEAN),
            ("deviation", deviation, IMAGENET_DEVIATION),
        ):
            if given is None:
                self._register(name, _imagenet_statistic(default, colour))
            else:
                self._register(name, given, scale)
        if bool((self.deviation <= 0).any()):
            raise InputError(f"deviation must be positive, got {list(deviation or ())}")

    def forward(self, clip: Tensor) -> Tensor:
        """Map pixels (B, T, 3, H, W) to (B, T, C, H, W)."""
        return self.normalised(self.colours(clip))

    def colours(self, clip: Tensor) -> Tensor:
        """Return the clip in the network's colours, (B, T, C, H, W), on the 0..1 scale."""
        return _convert_colours(clip, self.mix, backwards=self.backwards)

    def normalised(self, colours: Tensor) -> Tensor:
        """Standardise `colours` (..., C, H, W) with the mean and deviation of each channel."""
        return (colours - self.mean) / self.deviation

    def _register(self, name: str, values: Sequence[float], scale: Scale = 1) -> None:
        """Register a buffer (C, 1, 1) with one value per channel."""
        if len(values) != self.channels:
            raise InputError(
                f"{name} must have one value per channel ({self.channels}), got {list(values)}"
            )
        shares = torch.tensor(values) / scale
        self.register_buffer(name, shares.view(-1, 1, 1), persistent=False)


class DifferenceInput(Input):
    """Computes the differences of neighbouring frames, which show motion but not appearance.

    ::

        frames  a   b   c   d
        steps    b-a c-b d-c        S = T - 1, each step has a window of two frames

    Args:
        colour: ``rgb`` keeps three channels, ``bgr`` reverses their order, ``grey`` makes one.
        deviation: differences, on the 0..1 scale, are divided by it.

    Raises:
        InputError: If the deviation is not positive.
    """

    window = 2
    mix: Tensor

    def __init__(self, colour: Colour = "grey", *, deviation: float = 0.1) -> None:
        super().__init__()
        if deviation <= 0:
            raise InputError(f"deviation must be positive, got {deviation}")
        self.channels = 1 if colour == "grey" else 3
        self.backwards = colour == "bgr"
        self.deviation = deviation
        self.register_buffer("mix", _mix(colour), persistent=False)

    def forward(self, clip: Tensor) -> Tensor:
        """Map pixels (B, T, 3, H, W) to (B, T - 1, C, H, W)."""
        pixels = _convert_colours(clip, self.mix, backwards=self.backwards)
        return (pixels[:, 1:] - pixels[:, :-1]) / self.deviation


def check_scale(scale: Scale) -> None:
    """Raise an error unless `scale` is one of the two scales of pixels.

    Raises:
        InputError: If it is neither 1 nor 255.
    """
    if scale not in (1, 255):
        raise InputError(f"scale is {scale}; expected 1 or 255, the value of white")


def _mix(colour: Colour) -> Tensor:
    """Return the weights (C, 3) of red, green and blue in each network channel, over 255."""
    colours = torch.eye(3)
    rows = {"rgb": colours, "bgr": colours.flip(0), "grey": torch.tensor([LUMA])}
    return rows[colour] / 255


def _imagenet_statistic(values: tuple[float, ...], colour: Colour) -> tuple[float, ...]:
    """Convert a statistic of ImageNet's red, green and blue to the network's channels."""
    if colour == "grey":
        return (sum(values) / 3,)
    return values if colour == "rgb" else values[::-1]


def _convert_colours(clip: Tensor, mix: Tensor, *, backwards: bool) -> Tensor:
    """Map pixels (B, T, 3, H, W) from 0 to 255 to (B, T, C, H, W) on the 0..1 scale."""
    if clip.ndim != 5 or clip.shape[2] != 3:
        raise InputError(f"clip is {tuple(clip.shape)}; expected (B, T, 3, H, W)")
    if len(mix) == 3:
        return (clip.flip(2) if backwards else clip).to(mix.dtype) / 255
    # One channel at a time: an einsum copies the clip first and takes several times as long.
    red, green, blue = mix[0]
    return clip[:, :, :1] * red + clip[:, :, 1:2] * green + clip[:, :, 2:] * blue
