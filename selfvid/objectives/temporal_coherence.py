"""Temporal coherence, after Mobahi, Collobert and Weston (ICML 2009)."""

from __future__ import annotations

import torch
from lightly.models.modules.heads import ProjectionHead
from torch import Tensor, nn

from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.objectives.base import Objective, gathered
from selfvid.objectives.pairs import PairLoss, nearest_frames
from selfvid.types import Losses


def temporal_coherence(z: Tensor, *, margin: float = 1.0, shift: int = 1) -> Losses:
    """Pull consecutive frames together; push frames of other clips at least `margin` away.

    Distances are L1, summed over features. The paper pushes away any two frames that do not follow
    one another. Here, the other frame is the frame at the same time of another clip of the batch.

    Args:
        z: frame embeddings, (B, T, D), with B >= 2 and T >= 2.
        margin: L1 distance beyond which two unrelated frames cost nothing.
        shift: each clip is compared with the clip `shift` rows before it, 1 <= shift < B.

    Returns:
        The sum of `pull` and `push`, each averaged over its own pairs.
    """
    if z.ndim != 3 or min(z.shape[:2]) < 2:
        raise ValueError(f"z must be (B>=2, T>=2, D), got {tuple(z.shape)}")
    pull, push = pull_loss(z), push_loss(z, margin=margin, shift=shift)
    return Losses(pull + push, {"pull": pull, "push": push})


def pull_loss(z: Tensor) -> Tensor:
    """Compute the mean L1 distance of consecutive frames of embeddings (B, T, D) with T >= 2."""
    return (z[:, 1:] - z[:, :-1]).abs().sum(-1).mean()


def push_loss(z: Tensor, *, margin: float, shift: int = 1, counted: Tensor | None = None) -> Tensor:
    """Compute the mean amount by which frames of different clips are closer than `margin`.

    Args:
        z: frame embeddings, (B, T, D), with B >= 2.
        margin: L1 distance beyond which two frames cost nothing.
        shift: each clip is compared with the clip `shift` rows before it, 1 <= shift < B.
        counted: the pairs to average over, bool (B, T); None averages over all.
    """
    far = (z - z.roll(shift, dims=0)).abs().sum(-1)  # (B, T)
    lacking = (margin - far).clamp_min(0)
    if counted is None:
        return lacking.mean()
    return (lacking * counted).sum() / counted.sum().clamp_min(1)


class TemporalCoherence(Objective):
    """Siamese training of an encoder's step vectors with the L1 margin loss.

    The embedding is the encoder's own vector; in the paper it is the layer below the classifier.
    With a bounded activation (tanh) and D features, distances lie in [0, 2D]: choose a margin
    well below 2D.

    Args:
        encoder: any encoder with step features.
        margin: L1 distance to which unrelated frames are pushed.

    Raises:
        InputError: If the encoder has no steps or the margin is not positive.
    """

    least_steps = 2
    least_clips = 2

    def __init__(self, encoder: Encoder, *, margin: float = 1.0) -> None:
        super().__init__()
        encoder.widths.need_steps("temporal coherence")
        if margin <= 0:
            raise InputError(f"margin must be positive, got {margin}")
        self.encoder = encoder
        self.margin = margin

    def forward(self, clip: Tensor) -> Losses:
        """Compute the loss of clips (B, T, 3, H, W) with T >= 2, and its parts."""
        steps = self.encoder(clip).need_steps("temporal coherence")  # (B, S, D)
        with torch.autocast(steps.device.type, enabled=False):
            z = gathered(steps.float())
            # Clips of the same video are next to one another in a batch. Because of the
            # random shift, it is not always such similar clips that are pushed apart.
            shift = int(torch.randint(1, len(z), ()))
            return temporal_coherence(z, margin=self.margin, shift=shift)

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        """Return the picture of `nearest_frames` for the encoder's step vectors."""
        steps = self.encoder(clip).need_steps("temporal coherence")
        return {"neighbours": nearest_frames(clip, steps)}


class MarginLoss(PairLoss):
    """The margin loss on two views: those of one moment are pulled together, all others apart.

    Every other moment of the batch is pushed away, of the same video too, as in the paper. The
    projection head ends with batch norm without weights, so that each feature has a standard
    deviation of 1 whatever the encoder gives. The margin is therefore a mean over features: two
    unrelated vectors with Gaussian features are 2 / √π = 1.13 apart.

    Args:
        margin: mean L1 distance per feature from which on unrelated vectors cost nothing.
        projection: width of the projection head's hidden layer and output.

    Raises:
        InputError: If the margin is not positive.
    """

    def __init__(self, *, margin: float = 1.0, projection: int = 512) -> None:
        super().__init__()
        if margin <= 0:
            raise InputError(f"margin must be positive, got {margin}")
        self.margin, self.projection = margin, projection

    def projector(self, width: int) -> nn.Module:
        """Return a projection head of two layers whose outputs are standardised over the batch."""
        hidden = (width, self.projection, nn.BatchNorm1d(self.projection), nn.ReLU())
        standardised = nn.BatchNorm1d(self.projection, affine=False)
        return ProjectionHead([hidden, (self.projection, self.projection, standardised, None)])

    def forward(self, a: Tensor, b: Tensor) -> Losses:
        """Compute the sum of `pull` over the N pairs and `push` over the N (N - 1) others, N >= 2.

        Each is a mean over its pairs.
        """
        distance = torch.cdist(a, b, p=1) / a.shape[1]  # (N, N)
        others = ~torch.eye(len(a), dtype=torch.bool, device=a.device)
        pull = distance.diagonal().mean()
        push = (self.margin - distance[others]).clamp_min(0).mean()
        return Losses(pull + push, {"pull": pull, "push": push})
