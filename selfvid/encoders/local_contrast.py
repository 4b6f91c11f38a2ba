"""Local contrast normalisation: the brightness of each pixel relative to its neighbourhood.

After Jarrett, Kavukcuoglu, Ranzato and LeCun, What is the best multi-stage architecture for object
recognition, ICCV 2009, but all pixels of a window have the same weight.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from selfvid.encoders.input import Input, PixelInput
from selfvid.errors import InputError

FLAT = 0.01  # contrast on the 0..1 scale below which a frame is blank and must not be amplified


class LocalContrast(Input):
    """Subtracts the local mean from grey frames and divides them by the local contrast.

    The mean and the contrast (standard deviation) are those of a square window around each pixel.
    If the contrast of a window is below the average contrast of the frame, the average is used.

    Args:
        side: side of the window in pixels, odd; pixels outside the frame are not counted.

    Raises:
        InputError: If the side is even.
    """

    channels = 1

    def __init__(self, side: int = 9) -> None:
        super().__init__()
        if side < 1 or side % 2 == 0:
            raise InputError(f"side of a window must be odd, got {side}")
        self.side = side
        self.grey = PixelInput("grey", mean=(0.0,), deviation=(1.0,))

    def forward(self, clip: Tensor) -> Tensor:
        """Map pixels (B, T, 3, H, W) to (B, T, 1, H, W)."""
        frames = self.grey.colours(clip).flatten(0, 1)  # (B * T, 1, H, W)
        centred = frames - self._window_mean(frames)
        contrast = self._window_mean(centred.square()).sqrt()
        average = contrast.mean((2, 3), keepdim=True).clamp_min(FLAT)  # (B * T, 1, 1, 1)
        return (centred / contrast.maximum(average)).unflatten(0, tuple(clip.shape[:2]))

    def _window_mean(self, frames: Tensor) -> Tensor:
        return functional.avg_pool2d(
            frames, self.side, stride=1, padding=self.side // 2, count_include_pad=False
        )
