from typing import Literal

import pytest
import torch
import torchvision

from selfvid.backbones.alexnet import AlexNet
from selfvid.errors import InputError
from tests.backbones.sizes import counted, parameters, sides


@pytest.mark.parametrize("vector", ["fc6", "fc7"])
def test_maps_are_the_three_poolings(vector: Literal["fc6", "fc7"]) -> None:
    with torch.device("meta"):
        net = AlexNet(vector)
        frames = torch.zeros(1, 3, 224, 224)
        found = net(frames)
        # conv1, pool1, conv2, pool2, conv3, conv4, conv5, pool5
        lengths = sides(net, frames)
    assert lengths == [55, 27, 27, 13, 13, 13, 13, 6]
    assert [m.shape[-1] for m in found.maps] == [lengths[1], lengths[3], lengths[7]]
    assert tuple(m.shape[1] for m in found.maps) == net.widths.maps
    assert found.vector.shape == (1, net.widths.clip)
    assert isinstance(net.network.classifier[-1], torch.nn.ReLU)


def test_fc7_is_fc6_and_one_dense_layer_more() -> None:
    with torch.device("meta"):
        fc6, fc7 = counted(AlexNet("fc6")), counted(AlexNet("fc7"))
    assert fc7 - fc6 == parameters((4096, 4096, 1))


def test_the_least_frame_has_63_pixels_on_a_side() -> None:
    with torch.device("meta"):
        net = AlexNet()
        assert net(torch.zeros(1, 3, 63, 63)).maps[-1].shape[-2:] == (1, 1)
        with pytest.raises(RuntimeError):
            net(torch.zeros(1, 3, 62, 62))


@pytest.mark.parametrize("vector", ["fc6", "fc7"])
def test_its_torchvision_code_makes_a_network_of_the_same_weights(
    vector: Literal["fc6", "fc7"],
) -> None:
    made: dict[str, torch.nn.Module] = {}
    with torch.device("meta"):
        net = AlexNet(vector)
        exec(net.torchvision_code, {"torchvision": torchvision}, made)
    theirs = {name: value.shape for name, value in made["model"].state_dict().items()}
    assert theirs == {name: value.shape for name, value in net.network.state_dict().items()}


def test_a_network_on_grey_frames_differs_in_its_first_layer_only() -> None:
    with torch.device("meta"):
        grey, colours = AlexNet(channels=1), AlexNet()
    assert counted(colours) - counted(grey) == (3 - 1) * 11 * 11 * 64
    assert grey.torchvision_code == ""
    with pytest.raises(InputError, match="channels must be at least 1, got 0"):
        AlexNet(channels=0)
