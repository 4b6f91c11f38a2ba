import pytest
import torch
import torchvision

from selfvid.backbones.resnet import ResNet
from selfvid.errors import InputError


@torch.inference_mode()
def test_the_vector_is_what_torchvision_computes_before_its_classifier() -> None:
    torch.manual_seed(0)
    net = ResNet(18).eval()
    frames = torch.randn(2, 3, 32, 48)
    found = net(frames)
    torch.testing.assert_close(found.vector, net.network(frames))
    torch.testing.assert_close(found.vector, found.maps[-1].mean((2, 3)))


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_maps_lie_at_a_quarter_to_a_thirty_second_of_the_frame(depth: int) -> None:
    with torch.device("meta"):
        net = ResNet(depth)  # type: ignore[arg-type]
        found = net(torch.zeros(1, 3, 64, 96))
    scales = [(64 // 2**n, 96 // 2**n) for n in (2, 3, 4, 5)]
    assert [tuple(m.shape[2:]) for m in found.maps] == scales
    assert tuple(m.shape[1] for m in found.maps) == net.widths.maps
    assert found.vector.shape == (1, net.widths.clip)
    assert net.stride == 64 // found.maps[-1].shape[2]


@pytest.mark.parametrize("depth", [18, 50])
def test_its_torchvision_code_makes_a_network_of_the_same_weights(depth: int) -> None:
    made: dict[str, torch.nn.Module] = {}
    with torch.device("meta"):
        net = ResNet(depth)  # type: ignore[arg-type]
        exec(net.torchvision_code, {"torch": torch, "torchvision": torchvision}, made)
    theirs = {name: value.shape for name, value in made["model"].state_dict().items()}
    assert theirs == {name: value.shape for name, value in net.network.state_dict().items()}
    assert ResNet(18, channels=2).torchvision_code == ""


def test_frames_that_are_too_small_are_refused() -> None:
    with torch.device("meta"):
        net = ResNet(18).eval()
        assert net(torch.zeros(1, 3, 17, 17)).maps[-1].shape[-2:] == (1, 1)
        with pytest.raises(InputError, match="frames are 40x16; ResNet expected at least 17"):
            net(torch.zeros(1, 3, 40, 16))
