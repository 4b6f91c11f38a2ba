"""SimSiam (Chen and He, CVPR 2021, arXiv:2011.10566) on consecutive frames."""

from __future__ import annotations

from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules.heads import SimSiamPredictionHead, SimSiamProjectionHead
from torch import Tensor

from selfvid.encoders.base import Encoder
from selfvid.objectives.pairs import FramePairs


class SimSiam(FramePairs):
    """Predict one frame's projection from the other's, which is held fixed.

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

    def pair_loss(self, a: Tensor, b: Tensor) -> Tensor:
        """Negative cosine similarity of prediction and fixed target, both ways round."""
        forth = self.loss(self.predictor(a), b.detach())
        back = self.loss(self.predictor(b), a.detach())
        return 0.5 * (forth + back)
