"""The first layer of every encoder: pixels as decoded to what the network takes.

It is part of the encoder, so preprocessing is saved and exported with it.
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

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class Input(Recorded, nn.Module, ABC):
    """Turns pixels (B, T, 3, H, W), 0 to 255, into network input (B, S, C, H, W).

    Attributes:
        channels: C of what comes out.
        window: frames that one step of the output is made from; S = T - window + 1.
        in_channels: C of the clips: 3 for pixels, 2 or 4 for flow.
    """

    channels: int
    window: int = 1
    in_channels: int = 3

    @abstractmethod
    def forward(self, clip: Tensor) -> Tensor:
        """Network input (B, S, C, H, W) from a clip (B, T, 3, H, W), uint8 or float 0 to 255."""


class PixelInput(Input):
    """Scaled to 0..1, made grey where asked, mean removed, divided by the deviation.

    Args:
        colour: ``rgb`` keeps three channels, ``bgr`` puts blue first, ``grey`` makes one.
        mean: per channel, on the 0..1 scale; None takes ImageNet's.
        deviation: per channel, on the 0..1 scale; None takes ImageNet's.

    Raises:
        InputError: where mean or deviation do not have one value per channel, or a deviation is
            not positive.
    """

    def __init__(
        self,
        colour: Colour = "rgb",
        *,
        mean: Sequence[float] | None = None,
        deviation: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.channels = 1 if colour == "grey" else 3
        self.backwards = colour == "bgr"
        self.register_buffer("mix", _mix(colour), persistent=False)
        centre = _of_imagenet(IMAGENET_MEAN, colour)
        spread = _of_imagenet(IMAGENET_DEVIATION, colour)
        self._per_channel("mean", centre if mean is None else mean)
        self._per_channel("deviation", spread if deviation is None else deviation)
        if bool((self.deviation <= 0).any()):
            raise InputError(f"deviation must be positive, got {list(deviation or ())}")

    def forward(self, clip: Tensor) -> Tensor:
        """(B, T, 3, H, W) to (B, T, C, H, W)."""
        return self.normalised(self.colours(clip))

    def colours(self, clip: Tensor) -> Tensor:
        """The clip in the colours that the network sees, (B, T, C, H, W), on the 0..1 scale."""
        return _coloured(clip, self.mix, backwards=self.backwards)

    def normalised(self, colours: Tensor) -> Tensor:
        """What the network takes of `colours` (..., C, H, W)."""
        return (colours - self.mean) / self.deviation

    mix: Tensor
    mean: Tensor
    deviation: Tensor

    def _per_channel(self, name: str, values: Sequence[float]) -> None:
        if len(values) != self.channels:
            raise InputError(
                f"{name} must have one value per channel ({self.channels}), got {list(values)}"
            )
        self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)


class DifferenceInput(Input):
    """Differences of neighbouring frames: what moved, without what it looks like.

    ::

        frames  a   b   c   d
        steps    b-a c-b d-c        S = T - 1, each step seeing a window of two frames

    Args:
        colour: ``rgb`` keeps three channels, ``bgr`` puts blue first, ``grey`` makes one.
        deviation: differences, on the 0..1 scale, are divided by it.

    Raises:
        InputError: where the deviation is not positive.
    """

    window = 2

    def __init__(self, colour: Colour = "grey", *, deviation: float = 0.1) -> None:
        super().__init__()
        if deviation <= 0:
            raise InputError(f"deviation must be positive, got {deviation}")
        self.channels = 1 if colour == "grey" else 3
        self.backwards = colour == "bgr"
        self.deviation = deviation
        self.register_buffer("mix", _mix(colour), persistent=False)

    mix: Tensor

    def forward(self, clip: Tensor) -> Tensor:
        """(B, T, 3, H, W) to (B, T - 1, C, H, W)."""
        pixels = _coloured(clip, self.mix, backwards=self.backwards)
        return (pixels[:, 1:] - pixels[:, :-1]) / self.deviation


def _mix(colour: Colour) -> Tensor:
    """Weights (C, 3) of the decoded channels in each channel of the network, over 255."""
    colours = torch.eye(3)
    rows = {"rgb": colours, "bgr": colours.flip(0), "grey": torch.tensor([LUMA])}
    return rows[colour] / 255


def _of_imagenet(colours: tuple[float, ...], colour: Colour) -> tuple[float, ...]:
    """A statistic of ImageNet's three colours for the channels that the network takes."""
    if colour == "grey":
        return (sum(colours) / 3,)
    return colours if colour == "rgb" else colours[::-1]


def _coloured(clip: Tensor, mix: Tensor, *, backwards: bool) -> Tensor:
    if clip.ndim != 5 or clip.shape[2] != 3:
        raise InputError(f"clip is {tuple(clip.shape)}; expected (B, T, 3, H, W)")
    if len(mix) == 3:
        return (clip.flip(2) if backwards else clip).to(mix.dtype) / 255
    # Channel by channel: an einsum copies the clip first and takes several times as long.
    red, green, blue = mix[0]
    return clip[:, :, :1] * red + clip[:, :, 1:2] * green + clip[:, :, 2:] * blue
