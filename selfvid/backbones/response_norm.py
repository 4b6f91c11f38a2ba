"""Local response normalisation across channels, as a product with a band of ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ResponseNorm(nn.Module):
    """Each response over the root of a constant and the squares of its neighbouring channels.

    The b_i = a_i / (k + alpha * sum of a_j squared)^beta of Krizhevsky et al. (2012) with n = 5,
    k = 2, alpha = 1e-4 and the beta of Karpathy et al. (2014), 0.5. The sum is a 1x1x1
    convolution with ones near the diagonal, which is faster than the averages and powers of
    `torch.nn.LocalResponseNorm`.

    Args:
        channels: C.
    """

    band: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        places = torch.arange(channels)
        near = (places[:, None] - places).abs() <= 2
        self.register_buffer("band", near.float()[..., None, None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to the same."""
        total = functional.conv3d(x * x, self.band)  # a power would leave bfloat16
        return x * torch.rsqrt(2 + 1e-4 * total)
