import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.errors import InputError


def test_kernels_are_as_large_as_asked_and_maps_stay_as_they_were() -> None:
    frames = torch.rand(2, 1, 16, 16)
    for kernel in (3, 7):
        net = SmallNet(channels=1, stages=(4, 8), kernel=kernel, norm="none")
        assert net.state_dict()["network.0.0.weight"].shape == (4, 1, kernel, kernel)
        assert [m.shape[-1] for m in net(frames).maps] == [8, 4]
        assert net.stride == 16 / 4


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(InputError, match="kernel must be odd to keep H and W, got 4"):
        SmallNet(kernel=4)
