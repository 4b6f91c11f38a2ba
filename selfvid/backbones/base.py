"""What every backbone keeps to."""

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
        channels: C that the network takes.
        widths: D of its vector (as `clip`) and C_l of its maps.
        stride: pixels of the frame from one place of the last map to the next, where H and W are
            multiples of it; None for networks whose places do not tile the frame.
        torchvision_code: Python lines that leave torchvision's own bare network, able to load
            the state dict of `network`, in a variable `model`; empty for networks of our own.
    """

    channels: int
    widths: Widths
    stride: int | None = None
    torchvision_code: str = ""
    network: nn.Module

    @abstractmethod
    def forward(self, frames: Tensor) -> FrameFeatures:
        """Vector (N, D) and maps (N, C_l, H_l, W_l) of frames (N, C, H, W)."""


def check_channels(channels: int) -> None:
    """Refuse frames without channels."""
    if channels < 1:
        raise InputError(f"channels must be at least 1, got {channels}")


class ClipMaps(NamedTuple):
    """What a network makes of N clips.

    Attributes:
        vector: (N, D).
        maps: (N, C_l, T_l, H_l, W_l) from fine to coarse.
    """

    vector: Tensor
    maps: tuple[Tensor, ...]


class ClipBackbone(Recorded, nn.Module, ABC):
    """A network on clips of a fixed number of frames.

    Attributes:
        channels: C that the network takes.
        frames: T that it sees at once.
        least: pixels that H and W must have for every map to have a place.
        widths: D of its vector (as `clip`) and C_l of its maps.
    """

    channels: int
    frames: int
    least: int = 1
    widths: Widths
    network: nn.Module

    @abstractmethod
    def forward(self, clips: Tensor) -> ClipMaps:
        """Vector (N, D) and maps (N, C_l, T_l, H_l, W_l) of clips (N, C, T, H, W)."""

    def check(self, clips: Tensor) -> None:
        """Refuse clips that the network cannot see.

        Raises:
            InputError: where channels or frames are others, or frames too small.
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
