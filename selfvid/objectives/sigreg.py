"""LeJEPA's SIGReg (Balestriero and LeCun, 2025, arXiv:2511.08544) on two views."""

from __future__ import annotations

import torch
from lightly.loss.lejepa_loss import SIGReg as Sketch
from lightly.loss.lejepa_loss import lejepa_invariance_loss
from lightly.models.modules.heads import VICRegProjectionHead
from torch import Tensor, nn

from selfvid.encoders.base import Encoder
from selfvid.objectives.pairs import FramePairs, PairLoss
from selfvid.types import Losses


class SIGRegLoss(PairLoss):
    """Make two views similar and keep random projections of all embeddings Gaussian.

    Args:
        hidden: width of the projection head's hidden layers.
        projection: D' of the projected embeddings.
        weight: weight of the regularisation term, which makes embeddings Gaussian (0.05 in the
            reference code). The prediction term has the weight 1 - `weight`.
        directions: number of random directions drawn at each step.
    """

    def __init__(
        self,
        *,
        hidden: int = 512,
        projection: int = 64,
        weight: float = 0.05,
        directions: int = 256,
    ) -> None:
        super().__init__()
        self.hidden, self.projection, self.weight = hidden, projection, weight
        self.sketch = Sketch(num_vectors=directions)

    def projector(self, width: int) -> nn.Module:
        """Return a projection head of three layers."""
        return VICRegProjectionHead(width, self.hidden, self.projection, num_layers=3)

    def forward(self, a: Tensor, b: Tensor) -> Losses:
        """Compute the weighted sum of both terms; the parts are the terms without weights.

        In the paper's words, both are global views and there are no local views.
        """
        views = torch.stack((a, b))  # (2, N, D')
        prediction = lejepa_invariance_loss(all_proj=views, global_proj=views)
        regularisation = self.sketch(views)
        total = self.weight * regularisation + (1 - self.weight) * prediction
        return Losses(total, {"prediction": prediction, "regularisation": regularisation})


class SIGReg(FramePairs):
    """`SIGRegLoss` on consecutive frames.

    Args:
        encoder: any encoder with step features.
        hidden: as for `SIGRegLoss`.
        projection: as for `SIGRegLoss`.
        weight: as for `SIGRegLoss`.
        directions: as for `SIGRegLoss`.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        hidden: int = 512,
        projection: int = 64,
        weight: float = 0.05,
        directions: int = 256,
    ) -> None:
        loss = SIGRegLoss(
            hidden=hidden, projection=projection, weight=weight, directions=directions
        )
        super().__init__(encoder, loss)
