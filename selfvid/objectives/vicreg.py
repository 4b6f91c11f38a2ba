"""VICReg (Bardes, Ponce and LeCun, ICLR 2022, arXiv:2105.04906) on consecutive frames."""

from __future__ import annotations

from lightly.loss.vicreg_loss import covariance_loss, invariance_loss, variance_loss
from lightly.models.modules.heads import VICRegProjectionHead
from torch import Tensor

from selfvid.encoders.base import Encoder
from selfvid.objectives.pairs import FramePairs
from selfvid.types import Losses


class VICReg(FramePairs):
    """Make the frames of a pair similar, keep the variance of features and decorrelate them.

    Args:
        encoder: any encoder with step features.
        projection: width of the projection head's layers and output (8192 in the paper).
        invariance: weight of the mean squared distance of the two frames.
        variance: weight of the hinge loss on the standard deviation of each feature.
        covariance: weight of the squared covariances between features.
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
        self.invariance, self.variance, self.covariance = invariance, variance, covariance

    def pair_loss(self, a: Tensor, b: Tensor) -> Losses:
        """Compute the weighted sum of the three terms; the parts are the terms without weights."""
        invariance = invariance_loss(a, b)
        variance = 0.5 * (variance_loss(a) + variance_loss(b))
        covariance = covariance_loss(a) + covariance_loss(b)
        total = (
            self.invariance * invariance + self.variance * variance + self.covariance * covariance
        )
        parts = {"invariance": invariance, "variance": variance, "covariance": covariance}
        return Losses(total, parts)
