"""An encoder whose vectors keep the places of another encoder's maps."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.types import Features, Widths


class PlacesEncoder(Encoder):
    """Encodes each step by a map of another encoder, averaged to a few places side by side.

    A mean over the whole map loses where something moves, and dense layers mix all places. The clip
    vector is the mean of the step vectors::

        map 8x8 of C channels ──▶ 4x4 cells ──▶ one vector of 16 C numbers

    Args:
        encoder: an encoder with maps, such as a `ClipEncoder` or a `FrameEncoder`; gradients flow
            through it.
        grid: cells along each side.
        level: the map, counted from fine to coarse; -1 is the coarsest.

    Raises:
        InputError: If the encoder does not have this map, or the grid is not positive.
    """

    def __init__(self, encoder: Encoder, *, grid: int = 4, level: int = -1) -> None:
        super().__init__()
        maps = encoder.widths.maps
        if grid < 1 or not -len(maps) <= level < len(maps):
            raise InputError(
                f"grid is {grid} and level {level}; expected 1 or more, and one of the "
                f"{len(maps)} maps of {type(encoder).__name__}"
            )
        self.encoder, self.level = encoder, level
        self.pool = nn.AdaptiveAvgPool2d(grid)
        self.window, self.stride = encoder.window, encoder.stride
        self.one_length, self.in_channels = encoder.one_length, encoder.in_channels
        width = maps[level] * grid**2
        self.widths = Widths(clip=width, steps=width, maps=maps, flow=encoder.widths.flow)

    def forward(self, clip: Tensor) -> Features:
        """Compute the features of the encoder, with vectors of places in place of its own."""
        features: Features = self.encoder(clip)
        maps = features.need_maps("PlacesEncoder")[self.level]  # (B, S, C, h, w)
        steps = self.pool(maps.flatten(0, 1)).flatten(1).unflatten(0, maps.shape[:2])
        return replace(features, clip=steps.mean(1), steps=steps)
