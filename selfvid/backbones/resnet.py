"""Residual networks (He et al., CVPR 2016, arXiv:1512.03385), from torchvision."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torchvision import models

from selfvid.backbones.base import Backbone, check_channels
from selfvid.backbones.pretrained import load_weights
from selfvid.errors import InputError
from selfvid.types import FrameFeatures, Widths

BUILDERS = {18: models.resnet18, 34: models.resnet34, 50: models.resnet50}


class ResNet(Backbone):
    """ResNet-18, 34 or 50 without its classifier.

    The vector is the spatial average of the last map. The maps are the outputs of the four
    stages, at 1/4, 1/8, 1/16 and 1/32 of the frame's size.

    Args:
        depth: number of layers.
        weights: ``random``, ``imagenet`` or the path of a state dict.
        channels: C of the frames; if it is not 3, the first layer's weights for RGB are replaced
            by their mean over the colours, repeated.

    Raises:
        InputError: If the weights are not available or do not fit.
    """

    stride = 32
    # In a smaller frame a convolution with a stride would act on a single place. On a CPU its
    # gradient in bfloat16 reads uninitialised memory (torch 2.11 to 2.15, oneDNN).
    least = 17
    network: models.ResNet

    def __init__(
        self, depth: Literal[18, 34, 50] = 18, *, weights: str = "random", channels: int = 3
    ) -> None:
        super().__init__()
        check_channels(channels)
        name = f"resnet{depth}"
        self.network = BUILDERS[depth]()
        features = self.network.fc.in_features
        self.network.fc = nn.Identity()
        if channels != 3:
            self.network.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        load_weights(self.network, weights, name=name)
        self.channels = channels
        self.widths = Widths(clip=features, maps=tuple(features // 2**i for i in (3, 2, 1, 0)))
        if channels == 3:
            self.torchvision_code = (
                f"model = torchvision.models.{name}()\nmodel.fc = torch.nn.Identity()"
            )

    def forward(self, frames: Tensor) -> FrameFeatures:
        """Compute the vector (N, D) and four maps of frames (N, C, H, W).

        Raises:
            InputError: If H or W is below 17.
        """
        if min(frames.shape[-2:]) < self.least:
            raise InputError(
                f"frames are {frames.shape[-2]}x{frames.shape[-1]}; ResNet expected at least "
                f"{self.least} pixels on each side"
            )
        net = self.network
        x = net.maxpool(net.relu(net.bn1(net.conv1(frames))))
        maps = []
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = stage(x)
            maps.append(x)
        return FrameFeatures(net.avgpool(x).flatten(1), tuple(maps))
