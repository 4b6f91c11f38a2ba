"""VICReg (Bardes, Ponce and LeCun, ICLR 2022, arXiv:2105.04906) on consecutive frames."""

from __future__ import annotations

from lightly.loss import VICRegLoss
from lightly.models.modules.heads import VICRegProjectionHead
from torch import Tensor

from selfvid.encoders.base import Encoder
from selfvid.objectives.pairs import FramePairs


class VICReg(FramePairs):
    """Keep the variance of each feature, decorrelate features, pull the pair together.

    Args:
        encoder: any encoder with step features.
        projection: width of the projection head's layers and output (8192 in the paper).
        invariance: weight of the pull.
        variance: weight of the hinge on each feature's deviation.
        covariance: weight of the penalty on correlations.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        projection: int = 512,
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
    ) -> None:
        width = encoder.widths.need_steps("VICReg")
        super().__init__(encoder, VICRegProjectionHead(width, projection, projection, num_layers=3))
        self.loss = VICRegLoss(invariance, variance, covariance)

    def pair_loss(self, a: Tensor, b: Tensor) -> Tensor:
        """The weighted sum of the three terms."""
        return self.loss(a, b)
