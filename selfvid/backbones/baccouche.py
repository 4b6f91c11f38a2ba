"""The small 3-D network of Baccouche et al. (HBU 2011), up to its layer C3.

::

    34x54x9 ── C1 7x7x5 ─ R1 ─ S1 ── C2 5x5x3 ─ R2 ─ S2 ── C3 3x3x3 ── 3x8x1
       1           7 maps              35 maps               5 maps, 120 values
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.base import ClipBackbone, ClipMaps
from selfvid.errors import InputError
from selfvid.types import Widths

HEIGHT, WIDTH = 34, 54  # frames of the paper; C3 has 120 values for this size only


class Baccouche(ClipBackbone):
    """Three convolutions on 9 frames of 34x54; the vector is C3, 120 values after tanh.

    The maps are S1 and S2. R1 and R2 take absolute values; S1 and S2 average 2x2 places. The
    published number of weights requires one weight for each rectified map; it is a gain here. S1,
    S2 and C3 are followed by tanh, as in LeNets; the paper does not say where the authors used
    it. The layers N1 and N2 of the paper are the head, an `MLP` with 50 hidden units.
    """

    frames = 9
    channels = 1
    network: nn.ModuleDict

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.ModuleDict(
            {
                "c1": nn.Conv3d(1, 7, (5, 7, 7)),
                "r1": Rectification(7),
                "s1": Subsampling(7),
                "c2": SparseConvolution(7),
                "r2": Rectification(35),
                "s2": Subsampling(35),
                "c3": nn.Conv3d(35, 5, 3),
            }
        )
        self.widths = Widths(clip=120, maps=(7, 35))

    def forward(self, clips: Tensor) -> ClipMaps:
        """Compute the vector (N, 120) and two maps of clips (N, 1, 9, 34, 54)."""
        self.check(clips)
        if tuple(clips.shape[-2:]) != (HEIGHT, WIDTH):
            raise InputError(
                f"frames are {clips.shape[-2]}×{clips.shape[-1]} (H×W); Baccouche expected "
                f"{HEIGHT}×{WIDTH}"
            )
        net = self.network
        s1 = net["s1"](net["r1"](net["c1"](clips))).tanh()  # (N, 7, 5, 14, 24)
        s2 = net["s2"](net["r2"](net["c2"](s1))).tanh()  # (N, 35, 3, 5, 10)
        return ClipMaps(net["c3"](s2).tanh().flatten(1), (s1, s2))


class Rectification(nn.Module):
    """Takes absolute values and multiplies each map by a gain.

    Args:
        maps: C.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(maps))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, H, W) to the same shape."""
        return x.abs() * self.gain.view(-1, 1, 1, 1)


class Subsampling(nn.Module):
    """Averages 2x2 places, multiplies each map by a gain and adds a bias.

    Args:
        maps: C.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(maps))
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, H, W) to (N, C, T, H / 2, W / 2)."""
        pooled = functional.avg_pool3d(x, (1, 2, 2))  # (N, C, T, H / 2, W / 2)
        return pooled * self.gain.view(-1, 1, 1, 1) + self.bias.view(-1, 1, 1, 1)


class SparseConvolution(nn.Module):
    """C2: two filters on each single map, and one filter on each pair of maps.

    It is computed as a convolution of all maps in which the other weights are zero. This is faster
    than a grouped convolution.

    Args:
        maps: C; 7 maps give 14 + 21 filters.
    """

    reads: Tensor

    def __init__(self, maps: int) -> None:
        super().__init__()
        singles = [(n,) for n in range(maps) for _ in range(2)]
        pairs = list(combinations(range(maps), 2))
        filters = (*singles, *pairs)  # the maps that each filter reads
        # Filter and map of each kernel.
        which = [(number, n) for number, read in enumerate(filters) for n in read]
        fan_in = [25 * 3 * len(read) for read in filters]
        self.kernels = nn.Parameter(torch.empty(len(which), 3, 5, 5))
        self.bias = nn.Parameter(torch.empty(len(fan_in)))
        self.register_buffer("reads", torch.tensor(which).T, persistent=False)  # (2, kernels)
        with torch.no_grad():
            bound = torch.tensor(fan_in).rsqrt()
            self.kernels.uniform_(-1, 1).mul_(bound[self.reads[0]].view(-1, 1, 1, 1))
            self.bias.uniform_(-1, 1).mul_(bound)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, H, W) to (N, 2 C + C (C - 1) / 2, T - 2, H - 4, W - 4)."""
        zeros = self.kernels.new_zeros(len(self.bias), x.shape[1], *self.kernels.shape[1:])
        weight = zeros.index_put(tuple(self.reads), self.kernels)  # (filters, C, 3, 5, 5)
        return functional.conv3d(x, weight, self.bias)
