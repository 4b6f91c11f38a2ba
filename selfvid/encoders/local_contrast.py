"""Local contrast normalisation: how bright a place is among its neighbours.

After Jarrett, Kavukcuoglu, Ranzato and LeCun, What is the best multi-stage architecture for object
recognition, ICCV 2009, with a window that weighs all its pixels alike.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from selfvid.encoders.input import Input, PixelInput
from selfvid.errors import InputError

FLAT = 0.01  # contrast, on the 0..1 scale, below which there is nothing to enhance


class LocalContrast(Input):
    """Grey frames, from each place the mean of its window taken away, over the window's contrast.

    A window of less contrast than the frame has on average is divided by that average.

    Args:
        side: of the window in pixels, odd; what lies beyond the border is left out.

    Raises:
        InputError: where the side is even.
    """

    channels = 1

    def __init__(self, side: int = 9) -> None:
        super().__init__()
        if side < 1 or side % 2 == 0:
            raise InputError(f"side of a window must be odd, got {side}")
        self.side = side
        self.grey = PixelInput("grey", mean=(0.0,), deviation=(1.0,))

    def forward(self, clip: Tensor) -> Tensor:
        """(B, T, 3, H, W) to (B, T, 1, H, W)."""
        frames = self.grey.colours(clip).flatten(0, 1)
        around = frames - self._mean(frames)
        contrast = self._mean(around.square()).sqrt()
        usual = contrast.mean((2, 3), keepdim=True).clamp_min(FLAT)
        return (around / contrast.maximum(usual)).unflatten(0, tuple(clip.shape[:2]))

    def _mean(self, frames: Tensor) -> Tensor:
        return functional.avg_pool2d(
            frames, self.side, stride=1, padding=self.side // 2, count_include_pad=False
        )
