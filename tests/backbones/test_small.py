import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.errors import InputError


def test_kernels_are_as_large_as_requested_and_maps_stay_as_they_were() -> None:
    frames = torch.rand(2, 1, 16, 16)
    for kernel in (3, 7):
        net = SmallNet(channels=1, stages=(4, 8), kernel=kernel, norm="none")
        assert net.state_dict()["network.0.0.weight"].shape == (4, 1, kernel, kernel)
        assert [m.shape[-1] for m in net(frames).maps] == [8, 4]
        assert net.stride == 16 / 4


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(InputError, match="kernel must be odd to keep H and W, got 4"):
        SmallNet(kernel=4)


@torch.inference_mode()
def test_the_vector_is_a_grid_of_averages_of_the_last_map() -> None:
    torch.manual_seed(0)
    net = SmallNet(stages=(8, 16), grid=2)
    found = net(torch.randn(3, 3, 16, 16))
    last = found.maps[-1]
    quarters = [last[..., r : r + 2, c : c + 2].mean((2, 3)) for r in (0, 2) for c in (0, 2)]
    torch.testing.assert_close(found.vector, torch.stack(quarters, -1).flatten(1))
    assert found.vector.shape == (3, net.widths.clip)


@torch.inference_mode()
def test_a_last_layer_has_the_same_activation() -> None:
    torch.manual_seed(0)
    net = SmallNet(stages=(8,), activation="tanh", features=5)
    found = net(torch.randn(2, 3, 8, 8))
    linear = net.last[0]  # type: ignore[index]
    by_hand = (found.maps[-1].mean((2, 3)) @ linear.weight.T + linear.bias).tanh()
    torch.testing.assert_close(found.vector, by_hand)


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match=r"stages and grid must be positive, got \[\] and 1"):
        SmallNet(stages=())
    with pytest.raises(InputError, match="norm 'group' needs stages in multiples of 8, got 12"):
        SmallNet(stages=(8, 12))
