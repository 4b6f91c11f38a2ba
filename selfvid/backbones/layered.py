"""Convolutions, poolings and dense layers in a row, as networks of the Caffe years were built."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.base import Backbone, check_channels
from selfvid.backbones.pretrained import load_weights
from selfvid.errors import InputError
from selfvid.types import FrameFeatures, Widths


def checked_dropout(name: str, share: float) -> nn.Dropout:
    """A dropout layer that drops `share`, an argument called `name`.

    Raises:
        InputError: where the share is not one.
    """
    if not 0 <= share < 1:
        raise InputError(f"{name} is {share}; expected a share to drop, from 0 to below 1")
    return nn.Dropout(share)


class LayeredNet(Backbone):
    """Runs its layers in turn; every maximum pooling leaves a map.

    Frames of another size than the published one are met as torchvision's AlexNet does it: the
    last map is averaged to the size that the dense layers expect. At the published size that
    changes nothing.

    Args:
        features: convolutions and poolings.
        classifier: dense layers, on the flattened last map.
        channels: C of the frames.
        maps: C_l behind each maximum pooling.
        width: D behind the last dense layer.
        side: H and W of the last map at the published size of frames.
        weights: ``random`` or the path of a state dict.

    Raises:
        InputError: where the weights do not fit.
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
                f"weights of {type(self).__name__} are published nowhere that can be fetched; "
                "expected random or the path of a state dict"
            )
        self.network = nn.ModuleDict({"features": features, "classifier": classifier})
        load_weights(self.network, weights, name=type(self).__name__)
        self.last_map = nn.AdaptiveAvgPool2d(side)
        self.channels = channels
        self.widths = Widths(clip=width, maps=maps)

    def forward(self, frames: Tensor) -> FrameFeatures:
        """Vector (N, D) and the map behind each pooling of frames (N, C, H, W)."""
        maps, x = [], frames
        for layer in self.network["features"].children():
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                maps.append(x)
        vector = self.network["classifier"](self.last_map(x).flatten(1))
        return FrameFeatures(vector, tuple(maps))


def dense(inputs: int, outputs: int, dropout: float) -> list[nn.Module]:
    """A dense layer as it stood in all of them."""
    return [nn.Linear(inputs, outputs), nn.ReLU(), checked_dropout("dropout", dropout)]


class ResponseNorm(nn.Module):
    """Each response over the root of a constant and the squares of its neighbouring channels.

    The b_i = a_i / (k + alpha * sum of a_j squared)^beta of Krizhevsky et al. (2012) with n = 5,
    k = 2, alpha = 1e-4 and the beta of Karpathy et al. (2014), 0.5. The sum is a 1x1x1
    convolution with ones near the diagonal, which is faster than the averages and powers of
    `torch.nn.LocalResponseNorm`.

    Args:
        channels: C.
    """

    band: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        places = torch.arange(channels)
        near = (places[:, None] - places).abs() <= 2
        self.register_buffer("band", near.float()[..., None, None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to the same."""
        total = functional.conv3d(x * x, self.band)  # a power would leave bfloat16
        return x * torch.rsqrt(2 + 1e-4 * total)
