"""VGG-16 (Simonyan and Zisserman, 2015, arXiv:1409.1556), from torchvision."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torchvision import models

from selfvid.backbones.base import Backbone, check_channels
from selfvid.backbones.pretrained import load_weights
from selfvid.types import FrameFeatures, Widths

# Number of torchvision's classifier layers up to the ReLU of each dense layer.
CLASSIFIER_LAYERS = {"pool5": 0, "fc6": 2, "fc7": 5}


class VGG16(Backbone):
    """VGG-16 up to a layer of its classifier.

    The maps are pool1 to pool5, at 1/2 to 1/32 of the frame's size.

    Args:
        vector: the layer whose output is the vector: ``fc6`` or ``fc7`` (4096 features, after
            their ReLU), or ``pool5`` (the spatial average of the last map, 512 features).
        weights: ``random``, ``imagenet`` or the path of a state dict.
        channels: C of the frames; if it is not 3, the first layer's weights for RGB are replaced
            by their mean over the colours, repeated.

    Raises:
        InputError: If the weights are not available or do not fit.
    """

    network: models.VGG

    def __init__(
        self,
        vector: Literal["pool5", "fc6", "fc7"] = "fc7",
        *,
        weights: str = "random",
        channels: int = 3,
    ) -> None:
        super().__init__()
        check_channels(channels)
        self.network = models.vgg16()
        depth = CLASSIFIER_LAYERS[vector]
        self.network.classifier = self.network.classifier[:depth]
        if channels != 3:
            self.network.features[0] = nn.Conv2d(channels, 64, 3, padding=1)
        load_weights(self.network, weights, name="vgg16")
        self.averaged = vector == "pool5"
        self.channels = channels
        self.widths = Widths(clip=512 if self.averaged else 4096, maps=(64, 128, 256, 512, 512))
        if channels == 3:
            self.torchvision_code = (
                f"model = torchvision.models.vgg16()\nmodel.classifier = model.classifier[:{depth}]"
            )

    def forward(self, frames: Tensor) -> FrameFeatures:
        """Compute the vector (N, D) and five maps of frames (N, C, H, W); H and W are >= 32."""
        maps, x = [], frames
        for layer in self.network.features:
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                maps.append(x)
        if self.averaged:
            return FrameFeatures(x.mean((2, 3)), tuple(maps))  # (N, 512)
        vector = self.network.classifier(self.network.avgpool(x).flatten(1))  # (N, 4096)
        return FrameFeatures(vector, tuple(maps))
