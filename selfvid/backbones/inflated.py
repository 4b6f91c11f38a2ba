"""2-D networks inflated to networks on clips (Carreira and Zisserman, arXiv:1705.07750)."""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.base import Backbone, ClipBackbone, ClipMaps
from selfvid.backbones.pretrained import inflate_kernel
from selfvid.backbones.resnet import ResNet
from selfvid.backbones.small import SmallNet
from selfvid.errors import InputError


class Inflated(ClipBackbone):
    """A copy of a 2-D network whose convolutions also cover neighbouring frames.

    Kernels larger than one pixel are repeated over `extent` frames. If a convolution other than
    the first has a stride in space, it has the same stride in time. Clips are padded in time by
    repeating their first and last frame. A clip that repeats one frame therefore gives the
    features that the 2-D network computes for that frame, so that pretrained weights are a good
    initialisation.

    Args:
        backbone: a `ResNet` or a `SmallNet`; it is copied and not changed.
        frames: T of the clips.
        extent: number of frames that a kernel covers, odd.

    Raises:
        InputError: If the backbone is of another class, there are no frames, or the extent is
            even.
    """

    def __init__(self, backbone: Backbone, *, frames: int = 16, extent: int = 3) -> None:
        super().__init__()
        if not isinstance(backbone, (ResNet, SmallNet)):
            raise InputError(
                f"{type(backbone).__name__} cannot be inflated; expected a ResNet or a SmallNet"
            )
        if frames < 1 or extent < 1 or extent % 2 == 0:
            raise InputError(
                f"frames is {frames} and extent {extent}; expected at least 1, and an odd number"
            )
        self.network = copy.deepcopy(backbone)
        _inflate(self.network, extent)
        self.frames, self.channels = frames, backbone.channels
        self.widths = backbone.widths

    def forward(self, clips: Tensor) -> ClipMaps:
        """Compute the vector (N, D) and maps (N, C_l, T_l, H_l, W_l) of clips (N, C, T, H, W)."""
        self.check(clips)
        return ClipMaps(*self.network(clips))


class _Convolution(nn.Conv3d):
    """A 3-D convolution that pads clips in time by repeating their first and last frame."""

    def __init__(self, flat: nn.Conv2d, *, extent: int, every: int) -> None:
        kernel, stride, padding = flat.kernel_size, flat.stride, flat.padding
        assert not isinstance(padding, str)
        super().__init__(
            flat.in_channels,
            flat.out_channels,
            (extent, kernel[0], kernel[1]),
            stride=(every, stride[0], stride[1]),
            padding=(0, padding[0], padding[1]),
            bias=flat.bias is not None,
        )
        state = {**flat.state_dict(), "weight": inflate_kernel(flat.weight.detach(), extent)}
        self.load_state_dict(state)

    def forward(self, x: Tensor) -> Tensor:
        around = self.kernel_size[0] // 2
        if around:
            x = functional.pad(x, (0, 0, 0, 0, around, around), mode="replicate")
        return super().forward(x)


def _inflate(network: nn.Module, extent: int) -> None:
    """Replace all 2-D layers by 3-D layers, in place."""
    first = True
    for name, layer in list(network.named_modules()):
        if isinstance(layer, nn.Conv2d):
            wide = layer.kernel_size[0] > 1
            every = 1 if first else layer.stride[0]
            network.set_submodule(
                name, _Convolution(layer, extent=extent if wide else 1, every=every)
            )
            first = False
        elif isinstance(layer, nn.BatchNorm2d):
            norm = nn.BatchNorm3d(layer.num_features)
            norm.load_state_dict(layer.state_dict())
            network.set_submodule(name, norm)
        elif isinstance(layer, nn.MaxPool2d):
            network.set_submodule(name, _pool(layer))
        elif isinstance(layer, nn.AdaptiveAvgPool2d):
            side = layer.output_size if isinstance(layer.output_size, int) else 1
            network.set_submodule(name, nn.AdaptiveAvgPool3d((1, side, side)))


def _pool(flat: nn.MaxPool2d) -> nn.MaxPool3d:
    kernel, stride, padding = (
        value if isinstance(value, int) else value[0]
        for value in (flat.kernel_size, flat.stride, flat.padding)
    )
    return nn.MaxPool3d((1, kernel, kernel), (1, stride, stride), (0, padding, padding))
