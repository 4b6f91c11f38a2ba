"""Measures of whether an encoder has collapsed, and a sentence about them.

An encoder has collapsed if it maps all clips to nearly the same vector, or to vectors on one line.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from selfvid.statistics.metrics import effective_rank

LEAST_SPREAD = 0.02  # below it, unit vectors differ from their mean by only 2 % of their length
LEAST_RANK = 1.5  # vectors on one line have rank 1, vectors in a plane up to 2


@dataclass(frozen=True)
class CollapseMeasures:
    """How much the vectors of different clips vary.

    Attributes:
        feature_spread: root mean square of the features' standard deviations after L2
            normalisation, times the root of D. It is about 1 for vectors that point in all
            directions equally often, and 0 for vectors that are all the same.
        effective_rank: exponential of the entropy of the centred vectors' singular values.
        neighbour_same_video: share of clips whose nearest neighbour is from the same video.
        neighbour_chance: the same share for neighbours drawn at random.
    """

    feature_spread: float
    effective_rank: float
    neighbour_same_video: float
    neighbour_chance: float

    def as_dict(self) -> dict[str, float]:
        """Return the measures by name."""
        return asdict(self)

    @property
    def collapsed(self) -> bool:
        """Whether the vectors are all the same, or lie on one line."""
        return bool(self._signs())

    @property
    def scattered(self) -> bool:
        """Whether neighbours are from the same video no more often than by chance."""
        # If all clips are from one video, the chance is 1 and the comparison means nothing.
        return self.neighbour_same_video <= self.neighbour_chance < 1

    def words(self) -> str:
        """Say in one to three sentences whether the encoder collapsed, and by which measure."""
        signs = self._signs()
        if signs:
            return f"The encoder collapsed: {'; '.join(signs)}."
        sentences = (
            f"No collapse: spread {self.feature_spread:.2f}, effective rank "
            f"{self.effective_rank:.1f}, nearest neighbour of the same video "
            f"{self.neighbour_same_video:.0%} (chance {self.neighbour_chance:.0%})."
        )
        if self.scattered:
            # Expected of features of motion: one video shows many motions, but one scene.
            sentences += (
                " However, the nearest neighbour of a clip is from the same video no more often "
                "than by chance. This is a bad sign, unless the encoder is meant to learn motion."
            )
        return sentences

    def _signs(self) -> list[str]:
        signs = []
        if self.feature_spread < LEAST_SPREAD:
            signs.append(f"all clips get nearly the same vector (spread {self.feature_spread:.3f})")
        if self.effective_rank < LEAST_RANK:
            signs.append(f"vectors vary along one line (effective rank {self.effective_rank:.1f})")
        return signs


def measure_collapse(vectors: Tensor, videos: list[str]) -> CollapseMeasures:
    """Measure how much clip vectors vary; each video should have several clips.

    Args:
        vectors: clip vectors, float (N, D) with N >= 2.
        videos: the video of each clip.
    """
    z = vectors.detach().float().cpu()
    directions = normalize(z, dim=1)  # (N, D)
    names = np.array(videos)
    same: NDArray[np.bool_] = names[:, None] == names  # (N, N)
    np.fill_diagonal(same, False)
    nearest = torch.cdist(z, z).fill_diagonal_(torch.inf).argmin(1).numpy()  # (N,)
    spread = directions.std(0, unbiased=False).square().sum().sqrt()
    return CollapseMeasures(
        feature_spread=float(spread),
        effective_rank=effective_rank(z.numpy() - z.numpy().mean(0)),
        neighbour_same_video=float(same[np.arange(len(z)), nearest].mean()),
        neighbour_chance=float(same.sum() / (len(z) * (len(z) - 1))),
    )
