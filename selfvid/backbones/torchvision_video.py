"""torchvision's 3-D networks: R3D, R(2+1)D and MC3 (Tran et al., 2018), S3D (Xie et al., 2018)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torchvision.models import video

from selfvid.backbones.base import ClipBackbone, ClipMaps, check_channels
from selfvid.backbones.conv3d import for_short_clips
from selfvid.backbones.pretrained import load_weights
from selfvid.errors import InputError
from selfvid.types import Widths

BUILDERS = {
    "r3d_18": video.r3d_18,
    "r2plus1d_18": video.r2plus1d_18,
    "mc3_18": video.mc3_18,
    "s3d": video.s3d,
}
RESNET_MAPS = (64, 64, 128, 256, 512)  # C_l
S3D_MAPS = (64, 192, 480, 832, 1024)  # C_l
# Smallest H and W. In smaller frames a convolution with a stride would act on a single place,
# whose gradient in bfloat16 is wrong on a CPU (see `ResNet.least`).
RESNET_LEAST = 9
# Smallest H and W, and smallest T, for which no map of S3D is empty.
S3D_LEAST = 17
S3D_FRAMES = 5


class TorchvisionVideo(ClipBackbone):
    """A 3-D network of torchvision without its classifier.

    The vector is the average of the last map over space and time. The maps of the three residual
    networks are the outputs of their stem and four stages. The maps of S3D are the inputs of its
    poolings and its last output. The Kinetics weights expect frames of 112x112 (S3D: 224x224),
    normalised with mean ``[0.43216, 0.394666, 0.37645]`` and deviation
    ``[0.22803, 0.22145, 0.216989]``.

    Args:
        name: torchvision's name of the network.
        weights: ``random``, ``kinetics`` or the path of a state dict.
        frames: T of the clips; the Kinetics weights were trained with 16.
        channels: C of the clips; if it is not 3, the first layer's weights for RGB are replaced
            by their mean over the colours, repeated.

    Raises:
        InputError: If the name is unknown, there are too few frames, or the weights are not
            available or do not fit.
    """

    def __init__(
        self,
        name: Literal["r3d_18", "r2plus1d_18", "mc3_18", "s3d"] = "r3d_18",
        *,
        weights: str = "random",
        frames: int = 16,
        channels: int = 3,
    ) -> None:
        super().__init__()
        check_channels(channels)
        least = S3D_FRAMES if name == "s3d" else 1
        if name not in BUILDERS or frames < least:
            raise InputError(
                f"name is {name!r} and frames {frames}; expected one of {', '.join(BUILDERS)} and "
                f"at least {least}"
            )
        network = BUILDERS[name]()
        if name == "s3d":
            network.classifier = nn.Identity()
            maps, self.least = S3D_MAPS, S3D_LEAST
        else:
            network.fc = nn.Identity()
            maps, self.least = RESNET_MAPS, RESNET_LEAST
        if channels != 3:
            _change_channels(network, channels)
        load_weights(network, weights, name=name, published="kinetics")
        self.network = for_short_clips(network)
        self.frames, self.channels = frames, channels
        self.widths = Widths(clip=maps[-1], maps=maps)

    def forward(self, clips: Tensor) -> ClipMaps:
        """Compute the vector (N, D) and five maps of clips (N, C, T, H, W)."""
        self.check(clips)
        net: Any = self.network
        maps, x = [], clips
        if isinstance(net, video.S3D):
            for layer in net.features:
                if isinstance(layer, nn.MaxPool3d):
                    maps.append(x)
                x = layer(x)
            maps.append(x)
        else:
            for stage in (net.stem, net.layer1, net.layer2, net.layer3, net.layer4):
                x = stage(x)
                maps.append(x)
        return ClipMaps(x.mean((2, 3, 4)), tuple(maps))  # (N, D)


def _change_channels(network: nn.Module, channels: int) -> None:
    """Let the first convolution take `channels` channels instead of RGB."""
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv3d))
    first.in_channels = channels
    first.weight = nn.Parameter(torch.empty(first.out_channels, channels, *first.kernel_size))
    first.reset_parameters()
