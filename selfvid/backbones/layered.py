"""The base class of networks of the Caffe years, and the layers that they are built from."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.base import Backbone, check_channels
from selfvid.backbones.pretrained import load_weights
from selfvid.errors import InputError
from selfvid.types import FrameFeatures, Widths


class LayeredNet(Backbone):
    """A chain of convolutions and poolings, then dense layers; every max pooling gives a map.

    Frames may have another size than the published one: the last map is then averaged to the size
    that the dense layers expect, as in torchvision's AlexNet. At the published size this changes
    nothing.

    Args:
        features: convolutions and poolings.
        classifier: dense layers, applied to the flattened last map.
        channels: C of the frames.
        maps: C_l after each max pooling.
        width: D after the last dense layer.
        side: H and W of the last map at the published size of frames.
        weights: ``random`` or the path of a state dict.

    Raises:
        InputError: If the weights do not fit.
    """

    network: nn.ModuleDict

    def __init__(
        self,
        features: nn.Sequential,
        classifier: nn.Sequential,
        *,
        channels: int,
        maps: tuple[int, ...],
        width: int,
        side: int,
        weights: str,
    ) -> None:
        super().__init__()
        check_channels(channels)
        if weights == "imagenet":
            raise InputError(
                f"there are no published weights of {type(self).__name__} to download; expected "
                "random or the path of a state dict"
            )
        self.network = nn.ModuleDict({"features": features, "classifier": classifier})
        load_weights(self.network, weights, name=type(self).__name__)
        self.last_map = nn.AdaptiveAvgPool2d(side)
        self.channels = channels
        self.widths = Widths(clip=width, maps=maps)

    def forward(self, frames: Tensor) -> FrameFeatures:
        """Compute the vector (N, D) and the map after each pooling of frames (N, C, H, W)."""
        maps, x = [], frames
        for layer in self.network["features"].children():
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                maps.append(x)
        vector = self.network["classifier"](self.last_map(x).flatten(1))  # (N, D)
        return FrameFeatures(vector, tuple(maps))


class ResponseNorm(nn.Module):
    """Local response normalisation: divides by the root of the sum of neighbouring squares.

    It computes b_i = a_i / (k + alpha * sum of a_j squared)^beta of Krizhevsky et al. (2012) over
    n = 5 neighbouring channels, with k = 2, alpha = 1e-4 and the beta of Karpathy et al. (2014),
    0.5. The sum is computed as a 1x1x1 convolution with ones near the diagonal, which is faster
    than the averages and powers of `torch.nn.LocalResponseNorm`.

    Args:
        channels: C.
    """

    band: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        index = torch.arange(channels)
        near = (index[:, None] - index).abs() <= 2  # (C, C)
        self.register_buffer("band", near.float()[..., None, None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, H, W) to the same shape."""
        total = functional.conv3d(x * x, self.band)  # CUDA autocast computes powers in float32
        return x * torch.rsqrt(2 + 1e-4 * total)


def dense(inputs: int, outputs: int, dropout: float) -> list[nn.Module]:
    """Build a dense layer, a ReLU and dropout; `dropout` is the dropped share."""
    return [nn.Linear(inputs, outputs), nn.ReLU(), checked_dropout("dropout", dropout)]


def checked_dropout(name: str, share: float) -> nn.Dropout:
    """Build a dropout layer.

    Args:
        name: name of the argument in error messages.
        share: share of the inputs that is dropped.

    Raises:
        InputError: If the share is not in [0, 1).
    """
    if not 0 <= share < 1:
        raise InputError(f"{name} is {share}; expected a share to drop, from 0 to below 1")
    return nn.Dropout(share)
