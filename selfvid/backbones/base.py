"""What every backbone keeps to."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from selfvid.saving.recorded import Recorded
from selfvid.errors import InputError
from selfvid.types import FrameFeatures, Widths


class Backbone(Recorded, nn.Module, ABC):
    """A 2-D network on frames.

    Attributes:
        channels: C that the network eats.
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
