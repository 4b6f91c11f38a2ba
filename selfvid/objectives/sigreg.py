"""LeJEPA's SIGReg (Balestriero and LeCun, 2025, arXiv:2511.08544) on consecutive frames."""

from __future__ import annotations

import torch
from lightly.loss.lejepa_loss import SIGReg as Sketch
from lightly.loss.lejepa_loss import lejepa_invariance_loss
from lightly.models.modules.heads import VICRegProjectionHead
from torch import Tensor

from selfvid.encoders.base import Encoder
from selfvid.objectives.pairs import FramePairs


class SIGReg(FramePairs):
    """Pull the pair together while random projections of all embeddings stay Gaussian.

    Args:
        encoder: any encoder with step features.
        hidden: width of the projection head's hidden layers.
        projection: D' of the projected embeddings.
        weight: share of the Gaussian term; the pull has the rest (0.05 in the reference code).
        directions: random directions drawn at each step.
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

    def pair_loss(self, a: Tensor, b: Tensor) -> Tensor:
        """The weighted sum of both terms; both frames are global views and none is local."""
        views = torch.stack((a, b))
        pull = lejepa_invariance_loss(all_proj=views, global_proj=views)
        return self.weight * self.sketch(views) + (1 - self.weight) * pull
