"""Has the encoder collapsed? Three measures of clip vectors, and what they say in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from selfvid.statistics.metrics import effective_rank

LEAST_SPREAD = 0.02
LEAST_RANK = 1.5


@dataclass(frozen=True)
class CollapseMeasures:
    """How varied the vectors of different videos are.

    Attributes:
        feature_spread: mean deviation of L2-normalised features times the root of D: about 1
            for vectors that point everywhere alike, 0 for vectors that are all the same.
        effective_rank: exponential of the entropy of the centred vectors' singular values.
        neighbour_same_video: share of clips whose nearest neighbour is of their own video.
        neighbour_chance: what that share would be if neighbours were drawn blindly.
    """

    feature_spread: float
    effective_rank: float
    neighbour_same_video: float
    neighbour_chance: float

    def as_dict(self) -> dict[str, float]:
        """The measures by name."""
        return asdict(self)

    @property
    def collapsed(self) -> bool:
        """Whether the vectors are all one, or lie on one line."""
        return bool(self._signs())

    @property
    def scattered(self) -> bool:
        """Whether neighbours are of the same video no more often than by chance."""
        # Where all clips are of one video, neighbours tell nothing.
        return self.neighbour_same_video <= self.neighbour_chance < 1

    def words(self) -> str:
        """One or two plain sentences: collapsed, and by which measure, or not."""
        signs = self._signs()
        if signs:
            return f"The encoder collapsed: {'; '.join(signs)}."
        said = (
            f"No collapse: spread {self.feature_spread:.2f}, effective rank "
            f"{self.effective_rank:.1f}, nearest neighbour of the same video "
            f"{self.neighbour_same_video:.0%} (chance {self.neighbour_chance:.0%})."
        )
        if self.scattered:
            # Vectors of motion are such, since a video shows many motions; those of looks are not.
            said += (
                " But a clip's nearest neighbour is of its own video no more often than by chance: "
                "a bad sign, unless it is motion that is to be learnt."
            )
        return said

    def _signs(self) -> list[str]:
        signs = []
        if self.feature_spread < LEAST_SPREAD:
            signs.append(f"all clips get nearly the same vector (spread {self.feature_spread:.3f})")
        if self.effective_rank < LEAST_RANK:
            signs.append(f"vectors vary along one line (effective rank {self.effective_rank:.1f})")
        return signs


def measure_collapse(vectors: Tensor, videos: list[str]) -> CollapseMeasures:
    """Measures of clip vectors (N, D), several clips of each video.

    Args:
        vectors: float (N, D) with N >= 2.
        videos: the video of each row.
    """
    z = vectors.detach().float().cpu()
    directions = normalize(z, dim=1)
    names = np.array(videos)
    same: NDArray[np.bool_] = names[:, None] == names
    np.fill_diagonal(same, False)
    nearest = torch.cdist(z, z).fill_diagonal_(torch.inf).argmin(1).numpy()
    spread = directions.std(0, unbiased=False).square().sum().sqrt()
    return CollapseMeasures(
        feature_spread=float(spread),
        effective_rank=effective_rank(z.numpy() - z.numpy().mean(0)),
        neighbour_same_video=float(same[np.arange(len(z)), nearest].mean()),
        neighbour_chance=float(same.sum() / (len(z) * (len(z) - 1))),
    )
