"""LeJEPA's SIGReg (Balestriero and LeCun, 2025, arXiv:2511.08544) on consecutive frames."""

from __future__ import annotations

import torch
from lightly.loss.lejepa_loss import SIGReg as Sketch
from lightly.loss.lejepa_loss import lejepa_invariance_loss
from lightly.models.modules.heads import VICRegProjectionHead
from torch import Tensor

from selfvid.encoders.base import Encoder
from selfvid.objectives.pairs import FramePairs
from selfvid.types import Losses


class SIGReg(FramePairs):
    """Make the frames of a pair similar and keep random projections of all embeddings Gaussian.

    Args:
        encoder: any encoder with step features.
        hidden: width of the projection head's hidden layers.
        projection: D' of the projected embeddings.
        weight: weight of the regularisation term, which makes embeddings Gaussian (0.05 in the
            reference code). The prediction term has the weight 1 - `weight`.
        directions: number of random directions drawn at each step.
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
        width = encoder.widths.need_steps("SIGReg")
        super().__init__(encoder, VICRegProjectionHead(width, hidden, projection, num_layers=3))
        self.sketch = Sketch(num_vectors=directions)
        self.weight = weight

    def pair_loss(self, a: Tensor, b: Tensor) -> Losses:
        """Compute the weighted sum of both terms; the parts are the terms without weights.

        In the paper's words, both frames are global views and there are no local views.
        """
        views = torch.stack((a, b))  # (2, N, D')
        prediction = lejepa_invariance_loss(all_proj=views, global_proj=views)
        regularisation = self.sketch(views)
        total = self.weight * regularisation + (1 - self.weight) * prediction
        return Losses(total, {"prediction": prediction, "regularisation": regularisation})
