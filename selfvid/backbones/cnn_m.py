"""CNN-M-2048 (Chatfield et al., BMVC 2014), the network of both streams of two-stream models."""

from __future__ import annotations

from typing import Literal

from torch import nn

from selfvid.backbones.layered import LayeredNet, dense

SIDE = 6  # H and W of pool5 for frames of 224x224


class CNNM2048(LayeredNet):
    """Five convolutions, full6 of 4096 and full7 of 2048 features, for frames of 224x224.

    The maps are pool1, pool2 and pool5. Simonyan and Zisserman (2014) do not state the padding;
    Chatfield et al. use none in conv1 and 1 in the other convolutions. Poolings keep a window
    that extends over the border, as in Caffe, so that full6 sees 6x6 places.

    Args:
        channels: C of the frames: 3, or 2L for a stack of L flow fields.
        norms: number of local response normalisations: 2 after conv1 and conv2, or 1 after conv1
            only, as in the temporal stream.
        dropout: share of the outputs of full6 and full7 that is dropped in training; the paper
            drops 0.9 when it trains from random weights.
        weights: ``random`` or the path of a state dict.

    Raises:
        InputError: If the weights do not fit.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        norms: Literal[1, 2] = 2,
        dropout: float = 0.5,
        weights: str = "random",
    ) -> None:
        features = nn.Sequential(
            nn.Conv2d(channels, 96, 7, stride=2),
            nn.ReLU(),
            _norm(),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            nn.Conv2d(96, 256, 5, stride=2, padding=1),
            nn.ReLU(),
            *([_norm()] if norms == 2 else []),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            nn.Conv2d(256, 512, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(512, 512, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(512, 512, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
        )
        super().__init__(
            features,
            nn.Sequential(*dense(512 * SIDE**2, 4096, dropout), *dense(4096, 2048, dropout)),
            channels=channels,
            maps=(96, 256, 512),
            width=2048,
            side=SIDE,
            weights=weights,
        )


def _norm() -> nn.LocalResponseNorm:
    """Build the local response normalisation of Krizhevsky et al. (2012).

    PyTorch divides alpha by the size of the window, which the paper does not.
    """
    return nn.LocalResponseNorm(5, alpha=1e-4 * 5, beta=0.75, k=2.0)
