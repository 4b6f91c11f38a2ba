"""CNN-M-2048 (Chatfield et al., BMVC 2014), the network of both streams of two-stream."""

from __future__ import annotations

from typing import Literal

from torch import nn

from selfvid.backbones.layered import LayeredNet, dense


class CNNM2048(LayeredNet):
    """Five convolutions, full6 of 4096 and full7 of 2048 features, for frames of 224x224.

    The maps are pool1, pool2 and pool5. Simonyan and Zisserman (2014) do not state the padding:
    none on conv1 and 1 on the others is what Chatfield et al. have. Poolings keep a window that
    hangs over the border, as Caffe's do, which makes full6 see 6x6 places.

    Args:
        channels: C of the frames: 3, or 2L for a stack of L flow fields.
        norms: local response normalisations, behind conv1 and conv2; the temporal stream leaves
            out the second.
        dropout: share dropped behind full6 and full7 in training; from scratch the paper drops
            0.9.
        weights: ``random`` or the path of a state dict.

    Raises:
        InputError: where the weights do not fit.
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
        side = 6
        super().__init__(
            features,
            nn.Sequential(*dense(512 * side**2, 4096, dropout), *dense(4096, 2048, dropout)),
            channels=channels,
            maps=(96, 256, 512),
            width=2048,
            side=side,
            weights=weights,
        )


def _norm() -> nn.LocalResponseNorm:
    """Local response normalisation as in Krizhevsky et al. (2012)."""
    return nn.LocalResponseNorm(5, alpha=1e-4 * 5, beta=0.75, k=2.0)
