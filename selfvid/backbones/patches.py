"""A backbone without weights that cuts frames into patches."""

from __future__ import annotations

from torch import Tensor, nn

from selfvid.backbones.base import Backbone
from selfvid.errors import InputError
from selfvid.types import FrameFeatures, Widths


class PatchNet(Backbone):
    """Makes a map with one place per patch, whose channels are the pixels of the patch.

    The vector is the mean patch. The network has no weights; it suits encoders that learn
    everything in their recurrent layers.

    Args:
        channels: C of the frames, 1 for grey and 3 for RGB.
        patch: side of a patch in pixels.

    Raises:
        InputError: If channels or patch are not positive, or, in `forward`, if H or W are not
            multiples of the patch.
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
        """Compute the vector (N, D) and map (N, D, H / patch, W / patch), D = C * patch**2."""
        patch = self.network.downscale_factor
        height, width = frames.shape[-2:]
        if height % patch or width % patch:
            raise InputError(
                f"frames of {height}×{width} are not tiled by patches; expected multiples of "
                f"{patch}"
            )
        patches = self.network(frames)  # (N, D, H / patch, W / patch)
        return FrameFeatures(patches.mean((2, 3)), (patches,))
