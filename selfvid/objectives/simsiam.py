"""SimSiam (Chen and He, CVPR 2021, arXiv:2011.10566) on two views."""

from __future__ import annotations

from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules.heads import SimSiamPredictionHead, SimSiamProjectionHead
from torch import Tensor, nn

from selfvid.encoders.base import Encoder
from selfvid.objectives.pairs import FramePairs, PairLoss
from selfvid.types import Losses


class SimSiamLoss(PairLoss):
    """Predict the projection of one view from the other's; no gradient flows to the target.

    Args:
        projection: width of the projection head (2048 in the paper).
        bottleneck: hidden width of the predictor (512 in the paper).
    """

    def __init__(self, *, projection: int = 512, bottleneck: int = 128) -> None:
        super().__init__()
        self.projection = projection
        self.predictor = SimSiamPredictionHead(projection, bottleneck, projection)
        self.similarity = NegativeCosineSimilarity()

    def projector(self, width: int) -> nn.Module:
        """Return SimSiam's projection head of three layers."""
        return SimSiamProjectionHead(width, self.projection, self.projection)

    def forward(self, a: Tensor, b: Tensor) -> Losses:
        """Compute the mean of both directions' negative cosine similarity of prediction and target.

        The parts are the two directions: `next` predicts the second view from the first one,
        `previous` the first view from the second one.
        """
        following = self.similarity(self.predictor(a), b.detach())
        preceding = self.similarity(self.predictor(b), a.detach())
        return Losses(0.5 * (following + preceding), {"next": following, "previous": preceding})


class SimSiam(FramePairs):
    """`SimSiamLoss` on consecutive frames.

    Args:
        encoder: any encoder with step features.
        projection: as for `SimSiamLoss`.
        bottleneck: as for `SimSiamLoss`.
    """

    def __init__(self, encoder: Encoder, *, projection: int = 512, bottleneck: int = 128) -> None:
        super().__init__(encoder, SimSiamLoss(projection=projection, bottleneck=bottleneck))
