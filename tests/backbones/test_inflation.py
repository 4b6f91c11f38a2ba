from pathlib import Path

import pytest
import torch
from torch import nn

from selfvid.backbones.alexnet import AlexNet
from selfvid.backbones.base import Backbone
from selfvid.backbones.inflated import Inflated
from selfvid.backbones.resnet import ResNet
from selfvid.backbones.small import SmallNet
from selfvid.errors import InputError


def stirred(backbone: Backbone) -> Backbone:
    """With norms that do something."""
    for layer in backbone.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)  # type: ignore[arg-type]
            nn.init.uniform_(layer.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    return backbone.eval()


def test_weights_of_colours_begin_a_network_on_stacks_of_flow(tmp_path: Path) -> None:
    colours = ResNet(18)
    torch.save(colours.network.state_dict(), tmp_path / "resnet18.pth")
    flow = ResNet(18, channels=20, weights=str(tmp_path / "resnet18.pth"))
    three = colours.network.conv1.weight
    for channel in range(20):
        mean = (three[:, 0] + three[:, 1] + three[:, 2]) / 3
        torch.testing.assert_close(flow.network.conv1.weight[:, channel], mean)
    assert torch.equal(flow.network.layer1[0].conv1.weight, colours.network.layer1[0].conv1.weight)


def test_a_network_on_flow_keeps_weights_that_fit_it(tmp_path: Path) -> None:
    before = ResNet(18, channels=4)
    torch.save(before.network.state_dict(), tmp_path / "flow.pth")
    after = ResNet(18, channels=4, weights=str(tmp_path / "flow.pth"))
    assert torch.equal(after.network.conv1.weight, before.network.conv1.weight)
    with pytest.raises(InputError, match="do not fit resnet18"):
        ResNet(18, channels=6, weights=str(tmp_path / "flow.pth"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ResNet(18),
        lambda: SmallNet(channels=3, stages=(8, 16), grid=2, features=5),
        lambda: SmallNet(channels=3, stages=(8, 16), norm="batch"),
    ],
)
@pytest.mark.parametrize(("frames", "extent"), [(1, 3), (5, 3), (8, 5)])
@torch.inference_mode()
def test_a_clip_of_one_frame_is_seen_as_the_frame_was(
    make: object, frames: int, extent: int
) -> None:
    torch.manual_seed(0)
    flat = stirred(make())  # type: ignore[operator]
    deep = Inflated(flat, frames=frames, extent=extent).eval()
    picture = torch.randn(2, 3, 64, 64)
    wanted, found = flat(picture), deep(picture.unsqueeze(2).expand(-1, -1, frames, -1, -1))
    torch.testing.assert_close(found.vector, wanted.vector, rtol=1e-4, atol=1e-5)
    for maps, level in zip(found.maps, wanted.maps, strict=True):
        same = level.unsqueeze(2).expand_as(maps)
        torch.testing.assert_close(maps, same, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_an_inflated_network_sees_the_order_of_frames_once_its_kernels_differ() -> None:
    torch.manual_seed(0)
    deep = Inflated(SmallNet(channels=3, stages=(8, 16)), frames=6).eval()
    clip = torch.randn(1, 3, 6, 32, 32)
    # Kernels repeated over time look back as they look ahead.
    torch.testing.assert_close(deep(clip).vector, deep(clip.flip(2)).vector)
    for layer in deep.modules():
        if isinstance(layer, nn.Conv3d):
            layer.weight[:, :, 0] *= 2
    assert not torch.allclose(deep(clip).vector, deep(clip.flip(2)).vector, atol=1e-4)


def test_the_given_network_stays_as_it_is() -> None:
    flat = SmallNet(channels=3, stages=(8,))
    deep = Inflated(flat, frames=4)
    assert isinstance(flat.network[0][0], nn.Conv2d)  # type: ignore[index]
    assert not any(isinstance(layer, nn.Conv2d) for layer in deep.modules())


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (
            lambda: Inflated(AlexNet()),
            "AlexNet cannot be inflated; expected a ResNet or a SmallNet",
        ),
        (lambda: Inflated(SmallNet(), extent=2), "extent 2; expected"),
        (lambda: Inflated(SmallNet(), frames=0), "frames is 0"),
    ],
)
def test_what_cannot_be_inflated_is_refused(make: object, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        make()  # type: ignore[operator]
