"""VICReg (Bardes, Ponce and LeCun, ICLR 2022, arXiv:2105.04906) on two views."""

from __future__ import annotations

from lightly.loss.vicreg_loss import covariance_loss, invariance_loss, variance_loss
from lightly.models.modules.heads import VICRegProjectionHead
from torch import Tensor, nn

from selfvid.encoders.base import Encoder
from selfvid.objectives.pairs import FramePairs, PairLoss
from selfvid.types import Losses


class VICRegLoss(PairLoss):
    """Make two views similar, keep the variance of features and decorrelate them.

    Args:
        projection: width of the projection head's layers and output (8192 in the paper).
        invariance: weight of the mean squared distance of the two views.
        variance: weight of the hinge loss on the standard deviation of each feature.
        covariance: weight of the squared covariances between features.
    """

    def __init__(
        self,
        *,
        projection: int = 512,
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
    ) -> None:
        super().__init__()
        self.projection = projection
        self.invariance, self.variance, self.covariance = invariance, variance, covariance

    def projector(self, width: int) -> nn.Module:
        """Return a projection head of three layers."""
        return VICRegProjectionHead(width, self.projection, self.projection, num_layers=3)

    def forward(self, a: Tensor, b: Tensor) -> Losses:
        """Compute the weighted sum of the three terms; the parts are the terms without weights."""
        invariance = invariance_loss(a, b)
        variance = 0.5 * (variance_loss(a) + variance_loss(b))
        covariance = covariance_loss(a) + covariance_loss(b)
        total = (
            self.invariance * invariance + self.variance * variance + self.covariance * covariance
        )
        parts = {"invariance": invariance, "variance": variance, "covariance": covariance}
        return Losses(total, parts)


class VICReg(FramePairs):
    """`VICRegLoss` on consecutive frames.

    Args:
        encoder: any encoder with step features.
        projection: as for `VICRegLoss`.
        invariance: as for `VICRegLoss`.
        variance: as for `VICRegLoss`.
        covariance: as for `VICRegLoss`.
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
        loss = VICRegLoss(
            projection=projection, invariance=invariance, variance=variance, covariance=covariance
        )
        super().__init__(encoder, loss)
