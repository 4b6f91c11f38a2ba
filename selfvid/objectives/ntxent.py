"""NT-Xent, SimCLR's contrastive loss (Chen et al., ICML 2020, arXiv:2002.05709)."""

from __future__ import annotations

from lightly.loss import NTXentLoss as NormalisedEntropy
from lightly.models.modules.heads import SimCLRProjectionHead
from torch import Tensor, nn
from torch.nn import functional

from selfvid.encoders.base import Encoder
from selfvid.objectives.pairs import FramePairs, PairLoss
from selfvid.types import Losses


class NTXentLoss(PairLoss):
    """Tell the other view of a moment from all other views of the batch.

    Args:
        hidden: width of the projection head's hidden layer.
        projection: D' of the projected embeddings.
        temperature: cosine similarities are divided by it.
    """

    def __init__(
        self, *, hidden: int = 512, projection: int = 128, temperature: float = 0.1
    ) -> None:
        super().__init__()
        self.hidden, self.projection = hidden, projection
        self.entropy = NormalisedEntropy(temperature)

    def projector(self, width: int) -> nn.Module:
        """Return SimCLR's projection head of two layers."""
        return SimCLRProjectionHead(width, self.hidden, self.projection)

    def forward(self, a: Tensor, b: Tensor) -> Losses:
        """Compute the cross-entropy of finding b_i among all others from a_i, and the reverse.

        The parts are its two terms after Chen, Luo and Li (NeurIPS 2021, arXiv:2011.02803), which
        sum to the total. `alignment` is the negative similarity of the pairs, divided by the
        temperature. `distribution` is the logarithm of the sum, over all others, of the
        exponentials of their similarities. The parts are for reports and have no gradient.
        """
        total = self.entropy(a, b)
        similarity = functional.cosine_similarity(a.detach(), b.detach())  # (N,)
        alignment = -similarity.mean() / self.entropy.temperature
        return Losses(total, {"alignment": alignment, "distribution": total.detach() - alignment})


class NTXent(FramePairs):
    """`NTXentLoss` on consecutive frames: tell the frame that follows from all others of the batch.

    If clips have more than two frames, other frames of the same clip are negatives too.

    Args:
        encoder: any encoder with step features.
        hidden: as for `NTXentLoss`.
        projection: as for `NTXentLoss`.
        temperature: as for `NTXentLoss`.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        hidden: int = 512,
        projection: int = 128,
        temperature: float = 0.1,
    ) -> None:
        loss = NTXentLoss(hidden=hidden, projection=projection, temperature=temperature)
        super().__init__(encoder, loss)
