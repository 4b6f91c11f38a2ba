"""NT-Xent, SimCLR's contrastive loss (Chen et al., ICML 2020, arXiv:2002.05709)."""

from __future__ import annotations

from lightly.loss import NTXentLoss
from lightly.models.modules.heads import SimCLRProjectionHead
from torch import Tensor

from selfvid.encoders.base import Encoder
from selfvid.objectives.pairs import FramePairs


class NTXent(FramePairs):
    """Tell a frame's successor from all other frames of the batch.

    With clips of more than two frames, other frames of the same clip are negatives too.

    Args:
        encoder: any encoder with step features.
        hidden: width of the projection head's hidden layer.
        projection: D' of the projected embeddings.
        temperature: cosine similarities are divided by it.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        hidden: int = 512,
        projection: int = 128,
        temperature: float = 0.1,
    ) -> None:
        width = encoder.widths.need_steps("NT-Xent")
        super().__init__(encoder, SimCLRProjectionHead(width, hidden, projection))
        self.loss = NTXentLoss(temperature)

    def pair_loss(self, a: Tensor, b: Tensor) -> Tensor:
        """Cross-entropy of finding b_i among all others from a_i, and the reverse."""
        return self.loss(a, b)
