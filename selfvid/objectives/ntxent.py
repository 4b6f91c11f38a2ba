"""NT-Xent, SimCLR's contrastive loss (Chen et al., ICML 2020, arXiv:2002.05709)."""

from __future__ import annotations

from lightly.loss import NTXentLoss
from lightly.models.modules.heads import SimCLRProjectionHead
from torch import Tensor
from torch.nn import functional

from selfvid.encoders.base import Encoder
from selfvid.objectives.pairs import FramePairs
from selfvid.types import Losses


class NTXent(FramePairs):
    """Tell the frame that follows a frame from all other frames of the batch.

    If clips have more than two frames, other frames of the same clip are negatives too.

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

    def pair_loss(self, a: Tensor, b: Tensor) -> Losses:
        """Compute the cross-entropy of finding b_i among all others from a_i, and the reverse.

        The parts are its two terms after Chen, Luo and Li (NeurIPS 2021, arXiv:2011.02803), which
        sum to the total. `alignment` is the negative similarity of the pairs, divided by the
        temperature. `distribution` is the logarithm of the sum, over all others, of the
        exponentials of their similarities. The parts are for reports and have no gradient.
        """
        total = self.loss(a, b)
        similarity = functional.cosine_similarity(a.detach(), b.detach())  # (N,)
        alignment = -similarity.mean() / self.loss.temperature
        return Losses(total, {"alignment": alignment, "distribution": total.detach() - alignment})
