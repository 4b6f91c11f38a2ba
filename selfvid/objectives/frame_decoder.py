"""A decoder from feature maps to frames."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from selfvid.encoders.flow_head import WideConv2d
from selfvid.errors import InputError

_LEAST_CHANNELS = 8  # between stages; with fewer, little of the frame would be passed on


class FrameDecoder(nn.Module):
    """Stages of upsampling and convolution that enlarge a map to the size of the frame.

    Each stage doubles H and W by repeating pixels and halves the channels. A tanh follows each
    stage but the last, which puts out the frame's colours.

    Args:
        inputs: C of the maps.
        colours: C of the frames.
        stride: distance, in pixels of the frame, of neighbouring places of the map.
        kernel: side of the convolutions, odd.

    Raises:
        InputError: If the stride is no power of two or the kernel is even.
    """

    def __init__(self, inputs: int, colours: int, *, stride: int, kernel: int = 7) -> None:
        super().__init__()
        stages = stride.bit_length() - 1
        if stride != 2**stages or stages < 1:
            raise InputError(
                f"a decoder doubles H and W; expected stride 2, 4, 8, ..., got {stride}"
            )
        if kernel < 1 or kernel % 2 == 0:
            raise InputError(f"kernel of the decoder must be odd to keep H and W, got {kernel}")
        between = [max(inputs >> stage, _LEAST_CHANNELS) for stage in range(1, stages)]
        layers: list[nn.Module] = []
        for before, after in pairwise([inputs, *between, colours]):
            convolution = WideConv2d(before, after, kernel)
            nn.init.xavier_uniform_(convolution.weight)
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
            layers += [nn.Upsample(scale_factor=2, mode="nearest"), convolution, nn.Tanh()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, maps: Tensor) -> Tensor:
        """Decode maps (N, C, H / stride, W / stride) to raw frames (N, colours, H, W)."""
        return self.layers(maps)
