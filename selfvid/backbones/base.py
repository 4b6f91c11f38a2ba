"""The base classes of backbones: networks on frames and networks on clips."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn

from selfvid.errors import InputError
from selfvid.saving.recorded import Recorded
from selfvid.types import FrameFeatures, Widths


class Backbone(Recorded, nn.Module, ABC):
    """A 2-D network on frames.

    Attributes:
        channels: C of the frames.
        widths: D of the vector (as `clip`) and C_l of the maps.
        stride: pixels of the frame per place of the last map, if H and W are multiples of it; None
            for networks whose places do not tile the frame.
        torchvision_code: Python lines that assign torchvision's own network, which can load the
            state dict of `network`, to a variable `model`; empty for other networks.
        network: the layers with weights.
    """

    channels: int
    widths: Widths
    stride: int | None = None
    torchvision_code: str = ""
    network: nn.Module

    @abstractmethod
    def forward(self, frames: Tensor) -> FrameFeatures:
        """Compute the vector (N, D) and maps (N, C_l, H_l, W_l) of frames (N, C, H, W)."""


class ClipMaps(NamedTuple):
    """The features that a network computes from N clips.

    Attributes:
        vector: (N, D).
        maps: (N, C_l, T_l, H_l, W_l) from fine to coarse.
    """

    vector: Tensor
    maps: tuple[Tensor, ...]


class ClipBackbone(Recorded, nn.Module, ABC):
    """A network on clips of a fixed number of frames.

    Attributes:
        channels: C of the clips.
        frames: T of the clips.
        least: smallest H and W for which no map is empty.
        widths: D of the vector (as `clip`) and C_l of the maps.
        network: the layers with weights.
    """

    channels: int
    frames: int
    least: int = 1
    widths: Widths
    network: nn.Module

    @abstractmethod
    def forward(self, clips: Tensor) -> ClipMaps:
        """Compute the vector (N, D) and maps (N, C_l, T_l, H_l, W_l) of clips (N, C, T, H, W)."""

    def check(self, clips: Tensor) -> None:
        """Raise an error if the network cannot take clips of this shape.

        Raises:
            InputError: If the number of channels or frames differs, or frames are too small.
        """
        who = type(self).__name__
        if clips.ndim != 5 or clips.shape[1] != self.channels or clips.shape[2] != self.frames:
            raise InputError(
                f"{who} takes (N, {self.channels}, {self.frames}, H, W), got {tuple(clips.shape)}"
            )
        if min(clips.shape[-2:]) < self.least:
            raise InputError(
                f"frames of {clips.shape[-2]}×{clips.shape[-1]} are too small for {who}; "
                f"expected at least {self.least} pixels on each side"
            )


def check_channels(channels: int) -> None:
    """Raise an error if there are no channels.

    Raises:
        InputError: If `channels` is below 1.
    """
    if channels < 1:
        raise InputError(f"channels must be at least 1, got {channels}")
