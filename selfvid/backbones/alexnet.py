"""AlexNet in its one-tower form (Krizhevsky, 2014, arXiv:1404.5997), torchvision's."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torchvision import models

from selfvid.backbones.base import Backbone, check_channels
from selfvid.backbones.pretrained import load_weights
from selfvid.types import FrameFeatures, Widths

CLASSIFIER_LAYERS = {"fc6": 3, "fc7": 6}


class AlexNet(Backbone):
    """AlexNet up to fc6 or fc7, 4096 features after their ReLU.

    The maps are pool1, pool2 and pool5.

    Args:
        vector: the layer that the vector is read from.
        weights: ``random``, ``imagenet`` or the path of a state dict.
        channels: C of the frames; weights of another first layer, of three colours, are inflated
            to it: their mean, repeated.

    Raises:
        InputError: where weights cannot be had or do not fit.
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
        """Vector (N, D) and three maps of frames (N, C, H, W), H and W at least 63."""
        maps, x = [], frames
        for layer in self.network.features:
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                maps.append(x)
        return FrameFeatures(
            self.network.classifier(self.network.avgpool(x).flatten(1)), tuple(maps)
        )
