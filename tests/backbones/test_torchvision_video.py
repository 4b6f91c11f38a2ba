from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import video

from selfvid.backbones.torchvision_video import BUILDERS, TorchvisionVideo
from selfvid.errors import InputError


def whole(network: nn.Module, clip: Tensor) -> Tensor:
    """The output of torchvision's own forward."""
    found: Tensor = network(clip)
    return found


@pytest.mark.parametrize("name", ["r3d_18", "r2plus1d_18", "mc3_18"])
@torch.inference_mode()
def test_the_vector_is_what_torchvision_classifies(name: Any) -> None:
    torch.manual_seed(0)
    net = TorchvisionVideo(name, frames=4).eval()
    clip = torch.randn(1, 3, 4, 32, 32)
    found = net(clip)
    torch.testing.assert_close(found.vector, whole(net.network, clip))
    assert tuple(m.shape[1] for m in found.maps) == net.widths.maps


@pytest.mark.slow
@torch.inference_mode()
def test_the_vector_of_s3d_is_the_mean_that_torchvision_classifies() -> None:
    torch.manual_seed(0)
    net = TorchvisionVideo("s3d").eval()
    clip = torch.randn(1, 3, 16, 224, 224)
    found = net(clip)
    torch.testing.assert_close(found.vector, whole(net.network, clip), rtol=1e-4, atol=1e-5)
    assert tuple(m.shape[1] for m in found.maps) == net.widths.maps


@torch.inference_mode()
def test_s3d_takes_as_few_frames_and_pixels_as_it_says() -> None:
    net = TorchvisionVideo("s3d", frames=5).eval()
    assert net(torch.zeros(1, 3, 5, 17, 17)).vector.shape == (1, 1024)
    with pytest.raises(InputError, match="frames of 16×16 are too small"):
        net(torch.zeros(1, 3, 5, 16, 16))
    with pytest.raises(InputError, match="at least 5"):
        TorchvisionVideo("s3d", frames=4)


def test_without_a_network_connection_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    with pytest.raises(InputError, match="weights 'kinetics' of mc3_18 could not be downloaded"):
        TorchvisionVideo("mc3_18", weights="kinetics")


def test_weights_of_colours_begin_networks_of_flow(tmp_path: Path) -> None:
    theirs = video.r3d_18()
    torch.save(theirs.state_dict(), tmp_path / "r3d.pth")
    net = TorchvisionVideo("r3d_18", channels=2, weights=str(tmp_path / "r3d.pth"))
    first = net.network.state_dict()["stem.0.weight"]
    colours = theirs.state_dict()["stem.0.weight"]
    for channel in range(2):
        torch.testing.assert_close(first[:, channel], sum(colours[:, n] for n in range(3)) / 3)
    with pytest.raises(InputError, match="expected random, kinetics or a file"):
        TorchvisionVideo("r3d_18", weights="imagenet")


def test_all_of_torchvisions_small_networks_are_known() -> None:
    assert set(BUILDERS) == {"r3d_18", "r2plus1d_18", "mc3_18", "s3d"}
    with pytest.raises(InputError, match="name is 'i3d'"):
        TorchvisionVideo("i3d")  # type: ignore[arg-type]
