"""SimSiam (Chen and He, CVPR 2021, arXiv:2011.10566) on consecutive frames."""

from __future__ import annotations

from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules.heads import SimSiamPredictionHead, SimSiamProjectionHead
from torch import Tensor

from selfvid.encoders.base import Encoder
from selfvid.objectives.pairs import FramePairs
from selfvid.types import Losses


class SimSiam(FramePairs):
    """Predict the projection of one frame from the other's; no gradient flows to the target.

    Args:
        encoder: any encoder with step features.
        projection: width of the projection head (2048 in the paper).
        bottleneck: hidden width of the predictor (512 in the paper).
    """

    def __init__(self, encoder: Encoder, *, projection: int = 512, bottleneck: int = 128) -> None:
        width = encoder.widths.need_steps("SimSiam")
        super().__init__(encoder, SimSiamProjectionHead(width, projection, projection))
        self.predictor = SimSiamPredictionHead(projection, bottleneck, projection)
        self.loss = NegativeCosineSimilarity()

    def pair_loss(self, a: Tensor, b: Tensor) -> Losses:
        """Compute the mean of both directions' negative cosine similarity of prediction and target.

        The parts are the two directions: `next` predicts the later frame from the earlier one,
        `previous` the earlier frame from the later one.
        """
        following = self.loss(self.predictor(a), b.detach())
        preceding = self.loss(self.predictor(b), a.detach())
        return Losses(0.5 * (following + preceding), {"next": following, "previous": preceding})
