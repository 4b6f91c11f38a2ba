"""AlexNet in its one-tower form (Krizhevsky, 2014, arXiv:1404.5997), from torchvision."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torchvision import models

from selfvid.backbones.base import Backbone, check_channels
from selfvid.backbones.pretrained import load_weights
from selfvid.types import FrameFeatures, Widths

# Number of torchvision's classifier layers up to the ReLU of each dense layer.
CLASSIFIER_LAYERS = {"fc6": 3, "fc7": 6}


class AlexNet(Backbone):
    """AlexNet up to the ReLU of fc6 or fc7, which has 4096 features.

    The maps are pool1, pool2 and pool5.

    Args:
        vector: the layer whose output is the vector.
        weights: ``random``, ``imagenet`` or the path of a state dict.
        channels: C of the frames; if it is not 3, the first layer's weights for RGB are replaced
            by their mean over the colours, repeated.

    Raises:
        InputError: If the weights are not available or do not fit.
    """

    network: models.AlexNet

    def __init__(
        self,
        vector: Literal["fc6", "fc7"] = "fc7",
        *,
        weights: str = "random",
        channels: int = 3,
    ) -> None:
        super().__init__()
        check_channels(channels)
        self.network = models.alexnet()
        depth = CLASSIFIER_LAYERS[vector]
        self.network.classifier = self.network.classifier[:depth]
        if channels != 3:
            self.network.features[0] = nn.Conv2d(channels, 64, 11, stride=4, padding=2)
        load_weights(self.network, weights, name="alexnet")
        self.channels = channels
        self.widths = Widths(clip=4096, maps=(64, 192, 256))
        if channels == 3:
            self.torchvision_code = (
                "model = torchvision.models.alexnet()\n"
                f"model.classifier = model.classifier[:{depth}]"
            )

    def forward(self, frames: Tensor) -> FrameFeatures:
        """Compute the vector (N, D) and three maps of frames (N, C, H, W); H and W are >= 63."""
        maps, x = [], frames
        for layer in self.network.features:
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                maps.append(x)
        vector = self.network.classifier(self.network.avgpool(x).flatten(1))  # (N, 4096)
        return FrameFeatures(vector, tuple(maps))
