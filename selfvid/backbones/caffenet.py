"""The hybrid of CaffeNet and Zeiler-Fergus that LRCN stands on (Donahue et al., CVPR 2015)."""

from __future__ import annotations

from typing import Literal

from torch import nn

from selfvid.backbones.layered import LayeredNet, dense


class HybridCaffeNet(LayeredNet):
    """Five convolutions and fc6, or fc7 too, of 4096 features, for frames of 227x227.

    The maps are pool1, pool2 and pool5, before normalisation. Sizes are those of the authors'
    released network: 111, 55, 26, 13 and 6 places on a side.

    Args:
        vector: the layer that the vector is read from.
        channels: C of the frames; flow images have 3 like pictures.
        dropout: share dropped behind fc6 and fc7 in training. The single-frame network drops
            half; an LRCN head has a dropout of its own before the LSTM, so set 0 there.
        weights: ``random`` or the path of a state dict.

    Raises:
        InputError: where the weights do not fit.
    """

    def __init__(
        self,
        vector: Literal["fc6", "fc7"] = "fc6",
        *,
        channels: int = 3,
        dropout: float = 0.5,
        weights: str = "random",
    ) -> None:
        features = nn.Sequential(
            nn.Conv2d(channels, 96, 7, stride=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            _norm(),
            nn.Conv2d(96, 384, 5, stride=2, groups=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            _norm(),
            nn.Conv2d(384, 512, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(512, 512, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.Conv2d(512, 384, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        side = 6
        layers = dense(384 * side**2, 4096, dropout)
        if vector == "fc7":
            layers += dense(4096, 4096, dropout)
        super().__init__(
            features,
            nn.Sequential(*layers),
            channels=channels,
            maps=(96, 384, 384),
            width=4096,
            side=side,
            weights=weights,
        )


def _norm() -> nn.LocalResponseNorm:
    """As in the released network; Caffe and PyTorch both divide alpha by the window."""
    return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)
