from typing import Literal

import pytest
import torch
import torchvision

from selfvid.backbones.vgg import VGG16
from selfvid.errors import InputError
from tests.backbones.sizes import counted, parameters


@pytest.mark.parametrize(("vector", "width"), [("pool5", 512), ("fc6", 4096), ("fc7", 4096)])
def test_maps_are_the_five_poolings(vector: Literal["pool5", "fc6", "fc7"], width: int) -> None:
    with torch.device("meta"):
        net = VGG16(vector)
        found = net(torch.zeros(1, 3, 64, 96))
    scales = [(64 // 2**n, 96 // 2**n) for n in (1, 2, 3, 4, 5)]
    assert [tuple(m.shape[2:]) for m in found.maps] == scales
    assert tuple(m.shape[1] for m in found.maps) == net.widths.maps
    assert found.vector.shape == (1, width)
    if vector != "pool5":
        assert isinstance(net.network.classifier[-1], torch.nn.ReLU)
    assert net.widths.clip == width


def test_a_vector_has_the_dense_layers_up_to_its_own_and_no_others() -> None:
    with torch.device("meta"):
        pool5, fc6, fc7 = (counted(VGG16(vector)) for vector in ("pool5", "fc6", "fc7"))
    assert fc6 - pool5 == parameters((512 * 7 * 7, 4096, 1))
    assert fc7 - fc6 == parameters((4096, 4096, 1))


@pytest.mark.parametrize("vector", ["pool5", "fc6", "fc7"])
def test_its_torchvision_code_makes_a_network_of_the_same_weights(
    vector: Literal["pool5", "fc6", "fc7"],
) -> None:
    made: dict[str, torch.nn.Module] = {}
    with torch.device("meta"):
        net = VGG16(vector)
        exec(net.torchvision_code, {"torchvision": torchvision}, made)
    theirs = {name: value.shape for name, value in made["model"].state_dict().items()}
    assert theirs == {name: value.shape for name, value in net.network.state_dict().items()}


def test_a_network_on_flow_differs_in_its_first_layer_only() -> None:
    with torch.device("meta"):
        flow, colours = VGG16("pool5", channels=20), VGG16("pool5")
    assert counted(flow) - counted(colours) == (20 - 3) * 3 * 3 * 64
    assert flow.torchvision_code == ""
    with pytest.raises(InputError, match="channels must be at least 1, got 0"):
        VGG16(channels=0)
