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

HEIGHT, WIDTH = 34, 54


class Baccouche(ClipBackbone):
    """Three convolutions on 9 frames of 34x54; the vector is C3, 120 values after their tanh.

    The maps are S1 and S2. R1 and R2 take absolute values; S1 and S2 average 2x2 places. The
    published count of weights asks for one each of every rectified map: a gain here. Tanh stands
    behind S1, S2 and C3, as LeNets have it; it is not known where the authors had it. Their N1
    and N2 are the head, `MLP` with 50 hidden units.
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
        """Vector (N, 120) and two maps of clips (N, 1, 9, 34, 54)."""
        self.check(clips)
        if tuple(clips.shape[-2:]) != (HEIGHT, WIDTH):
            raise InputError(
                f"frames are {clips.shape[-2]}×{clips.shape[-1]} (H×W); Baccouche expected "
                f"{HEIGHT}×{WIDTH}"
            )
        net = self.network
        first = net["s1"](net["r1"](net["c1"](clips))).tanh()
        second = net["s2"](net["r2"](net["c2"](first))).tanh()
        return ClipMaps(net["c3"](second).tanh().flatten(1), (first, second))


class Rectification(nn.Module):
    """Absolute values, times a gain of each map.

    Args:
        maps: C.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(maps))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to the same."""
        return x.abs() * self.gain.view(-1, 1, 1, 1)


class Subsampling(nn.Module):
    """Averages of 2x2 places, times a gain and plus a bias of each map.

    Args:
        maps: C.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(maps))
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, C, T, H / 2, W / 2)."""
        pooled = functional.avg_pool3d(x, (1, 2, 2))
        return pooled * self.gain.view(-1, 1, 1, 1) + self.bias.view(-1, 1, 1, 1)


class SparseConvolution(nn.Module):
    """C2: two filters on each map alone, and one on each pair of maps.

    It is computed as a convolution of all maps whose other weights are zero, which is faster than
    one in groups.

    Args:
        maps: C; 7 of them make 14 + 21.
    """

    reads: Tensor

    def __init__(self, maps: int) -> None:
        super().__init__()
        alone = [(n,) for n in range(maps) for _ in range(2)]
        pairs = list(combinations(range(maps), 2))
        which = [(row, n) for row, read in enumerate((*alone, *pairs)) for n in read]
        fan_in = [25 * 3 * len(read) for read in (*alone, *pairs)]
        # One kernel for each map that a filter reads, filter after filter.
        self.kernels = nn.Parameter(torch.empty(len(which), 3, 5, 5))
        self.bias = nn.Parameter(torch.empty(len(fan_in)))
        self.register_buffer("reads", torch.tensor(which).T, persistent=False)
        with torch.no_grad():
            bound = torch.tensor(fan_in).rsqrt()
            self.kernels.uniform_(-1, 1).mul_(bound[self.reads[0]].view(-1, 1, 1, 1))
            self.bias.uniform_(-1, 1).mul_(bound)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, 2 C + C (C - 1) / 2, T - 2, H - 4, W - 4)."""
        blank = self.kernels.new_zeros(len(self.bias), x.shape[1], *self.kernels.shape[1:])
        weight = blank.index_put(tuple(self.reads), self.kernels)
        return functional.conv3d(x, weight, self.bias)
