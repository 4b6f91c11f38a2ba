"""The hybrid of CaffeNet and Zeiler-Fergus that LRCN uses (Donahue et al., CVPR 2015)."""

from __future__ import annotations

from typing import Literal

from torch import nn

from selfvid.backbones.layered import LayeredNet, dense

SIDE = 6  # H and W of pool5 for frames of 227x227


class HybridCaffeNet(LayeredNet):
    """Five convolutions and fc6, optionally fc7, of 4096 features, for frames of 227x227.

    The maps are pool1, pool2 and pool5, before normalisation. The maps have the sizes of the
    authors' released network: 111, 55, 26, 13 and 6 places on a side.

    Args:
        vector: the layer whose output is the vector.
        channels: C of the frames; flow images have 3 channels, like RGB images.
        dropout: share of the outputs of fc6 and fc7 that is dropped in training. The paper's
            single-frame network drops half. An LRCN head has its own dropout before the LSTM, so
            set 0 for it.
        weights: ``random`` or the path of a state dict.

    Raises:
        InputError: If the weights do not fit.
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
        layers = dense(384 * SIDE**2, 4096, dropout)
        if vector == "fc7":
            layers += dense(4096, 4096, dropout)
        super().__init__(
            features,
            nn.Sequential(*layers),
            channels=channels,
            maps=(96, 384, 384),
            width=4096,
            side=SIDE,
            weights=weights,
        )


def _norm() -> nn.LocalResponseNorm:
    """Build the released network's normalisation.

    Caffe and PyTorch both divide alpha by the size of the window.
    """
    return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)
