"""Frames cut into patches, for networks that shall do all the learning themselves."""

from __future__ import annotations

from torch import Tensor, nn

from selfvid.backbones.base import Backbone
from selfvid.errors import InputError
from selfvid.types import FrameFeatures, Widths


class PatchNet(Backbone):
    """A map with one place per patch, whose channels are the pixels of the patch; no weights.

    The vector is the mean patch.

    Args:
        channels: C of the frames, 1 for grey and 3 for colour.
        patch: side of a patch in pixels.

    Raises:
        InputError: where channels or patch are not positive; of frames that patches do not tile.
    """

    network: nn.PixelUnshuffle

    def __init__(self, *, channels: int = 3, patch: int = 4) -> None:
        super().__init__()
        if min(channels, patch) < 1:
            raise InputError(f"channels and patch must be positive, got {channels} and {patch}")
        self.network = nn.PixelUnshuffle(patch)
        self.channels = channels
        self.stride = patch
        width = channels * patch**2
        self.widths = Widths(clip=width, maps=(width,))

    def forward(self, frames: Tensor) -> FrameFeatures:
        """Vector (N, C * patch**2) and map (N, C * patch**2, H / patch, W / patch)."""
        height, width = frames.shape[-2:]
        if height % self.network.downscale_factor or width % self.network.downscale_factor:
            raise InputError(
                f"frames of {height}×{width} are not tiled by patches; expected multiples of "
                f"{self.network.downscale_factor}"
            )
        patches = self.network(frames)
        return FrameFeatures(patches.mean((2, 3)), (patches,))
